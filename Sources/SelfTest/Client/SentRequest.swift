/// A request as it goes out, kept beside its answer so that a failure can show both.
package struct SentRequest: Sendable, Equatable {
    /// The method.
    package var method: String
    /// The whole address.
    package var url: String
    /// The headers, without those that libcurl adds.
    package var headers: [String: String]
    /// The body; nil where there is none.
    package var body: [UInt8]?

    /// A request.
    package init(method: String, url: String, headers: [String: String] = [:], body: [UInt8]? = nil) {
        (self.method, self.url, self.headers, self.body) = (method, url, headers, body)
    }
}
