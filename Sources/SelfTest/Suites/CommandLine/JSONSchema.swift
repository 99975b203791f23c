/// A JSON schema, as far as `docs/json-schema` uses the language: `type`, `properties`, `required`,
/// `additionalProperties`, `items`, `enum`, `const`, `anyOf`, and `$ref` to another file.
struct JSONSchema: Sendable {
    private let root: JSONView
    private let library: [String: JSONView]

    /// - Parameter library: the files that may be referred to, by name (`envelope.json`).
    init(_ root: JSONView, library: [String: JSONView]) { (self.root, self.library) = (root, library) }

    /// What is wrong with a value: one line for each place, with what was expected there; empty if nothing is.
    ///
    /// - Throws: `CaseFailure` for a schema that uses what is not understood here, which would otherwise allow anything.
    func problems(of value: JSONView) throws -> [String] { try problems(value, root) }

    private static let keywords: Set<String> = [
        "$schema", "title", "description", "type", "properties", "required", "additionalProperties", "items", "enum",
        "const", "anyOf", "$ref",
    ]

    private func problems(_ value: JSONView, _ schema: JSONView) throws -> [String] {
        if let allowed = try? schema.bool {
            return allowed ? [] : ["\(value.path): expected no such key, found \(value)"]
        }
        let unknown = try schema.keys.subtracting(Self.keywords)
        guard unknown.isEmpty else {
            throw CaseFailure("the schema: expected known keywords, found \(unknown.sorted().joined(separator: ", "))")
        }
        var found: [String] = []
        if schema["$ref"].exists {
            let name = try schema["$ref"].string
            guard let other = library[name] else {
                throw CaseFailure("the schema: expected \(name), found no such file")
            }
            found += try problems(value, other)
        }
        if schema["type"].exists, !(try Self.isOf(try schema["type"].string, value)) {
            return found + ["\(value.path): expected \(try schema["type"].string), found \(value)"]
        }
        if !schema["const"].isMissing, schema["const"] != value {
            found.append("\(value.path): expected \(schema["const"]), found \(value)")
        }
        if schema["enum"].exists, !(try schema["enum"].array.contains { $0 == value }) {
            found.append("\(value.path): expected one of \(schema["enum"]), found \(value)")
        }
        if schema["anyOf"].exists { found += try alternatives(value, try schema["anyOf"].array) }
        if schema["items"].exists, let elements = try? value.array {
            for element in elements { found += try problems(element, schema["items"]) }
        }
        return found + (try members(value, schema))
    }

    /// Those of the alternative that fits best, where none fits.
    private func alternatives(_ value: JSONView, _ schemas: [JSONView]) throws -> [String] {
        // What is wrong with the one that was meant is what is to be told, and not that it is none of another type.
        let fitting = try schemas.filter { schema in
            guard let type = try? schema["type"].string else { return true }
            return try Self.isOf(type, value)
        }
        let all = try (fitting.isEmpty ? schemas : fitting).map { try problems(value, $0) }
        return all.contains(where: \.isEmpty) ? [] : all.min { $0.count < $1.count } ?? []
    }

    private func members(_ value: JSONView, _ schema: JSONView) throws -> [String] {
        guard let members = try? value.object else { return [] }
        var found: [String] = []
        if schema["required"].exists {
            for key in try schema["required"].array.map({ try $0.string }) where members[key] == nil {
                found.append("\(value.path): expected the key \(key), found \(members.keys.sorted())")
            }
        }
        for (key, member) in members.sorted(by: { $0.key < $1.key }) {
            let known = schema["properties"][key]
            if !known.isMissing {
                found += try problems(member, known)
            } else if !schema["additionalProperties"].isMissing {
                found += try problems(member, schema["additionalProperties"])
            }
        }
        return found
    }

    private static func isOf(_ type: String, _ value: JSONView) throws -> Bool {
        switch type {
        case "null": value.isNull
        case "boolean": (try? value.bool) != nil
        case "integer": (try? value.int) != nil
        case "number": (try? value.double) != nil
        case "string": (try? value.string) != nil
        case "array": (try? value.array) != nil
        case "object": (try? value.keys) != nil
        default: throw CaseFailure("the schema: expected a type, found \(type)")
        }
    }
}

extension JSONSchema {
    /// The schemas of what commands write with `--json`, built into this program, by the names of their files.
    static func library() throws -> [String: JSONView] {
        let files: [(String, [UInt8])] = [
            ("envelope", PackageResources.envelope_json), ("error", PackageResources.error_json),
            ("serve", PackageResources.serve_json), ("run", PackageResources.run_json),
            ("translate", PackageResources.translate_json), ("detect", PackageResources.detect_json),
            ("list", PackageResources.list_json), ("show", PackageResources.show_json),
            ("pull", PackageResources.pull_json), ("verify", PackageResources.verify_json),
            ("rm", PackageResources.rm_json), ("gc", PackageResources.gc_json),
            ("update", PackageResources.update_json), ("rollback", PackageResources.rollback_json),
            ("pin", PackageResources.pin_json), ("usage", PackageResources.usage_json),
            ("ps", PackageResources.ps_json), ("health", PackageResources.health_json),
            ("bench-translate", PackageResources.bench_translate_json),
            ("bench-generate", PackageResources.bench_generate_json),
            ("bench-tokens", PackageResources.bench_tokens_json),
            ("bench-compare", PackageResources.bench_compare_json),
            ("bench-growth", PackageResources.bench_growth_json),
            ("bench-soak", PackageResources.bench_soak_json),
            ("version", PackageResources.version_json), ("selftest", PackageResources.selftest_json),
        ]
        return try files.reduce(into: [:]) { $0[$1.0 + ".json"] = try JSONView(parsing: $1.1) }
    }

    /// That of a command.
    static func command(_ name: String) throws -> JSONSchema {
        let library = try library()
        let file = name.replacing(" ", with: "-") + ".json"
        guard let root = library[file] else { throw CaseFailure("svc \(name): expected a schema \(file), found none") }
        return JSONSchema(root, library: library)
    }
}
