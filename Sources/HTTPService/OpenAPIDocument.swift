/// The description of the API, `Resources/openapi.json`, built into the program.
enum OpenAPIDocument {
    /// The document with the program's version in it.
    static func text(version: String) -> String {
        String(decoding: PackageResources.openapi_json, as: UTF8.self).replacing("\"VERSION\"", with: "\"\(version)\"")
    }
}
