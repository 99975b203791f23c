import CCurl
import Foundation

/// A URL as libcurl itself reads it: where a credential may go is decided by the same parser that opens the connection, so
/// that no odd spelling of a host means one thing here and another there.
struct TransferURL: Sendable, Equatable {
    /// The whole of it, with the query, which may be a signature.
    let text: String
    let origin: Origin
    /// Without query and fragment: what errors and logs may show.
    let redacted: String

    /// - Throws: `TransferError` where it is not a URL of HTTP, or holds a user name or a password.
    init(_ text: String) throws {
        try self.init(text, base: nil)
    }

    /// The URL that a `Location` means in an answer of this one.
    func resolving(_ location: String) throws -> TransferURL {
        try TransferURL(location, base: text)
    }

    private init(_ text: String, base: String?) throws {
        let shown = Self.withoutQuery(text)
        func refuse(_ reason: String) -> TransferError {
            TransferError(url: shown, stage: .preparing, cause: .invalidURL, reason: reason)
        }
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw refuse("it is no URL: it is empty, or has blanks in it")
        }
        guard let handle = curl_url() else { throw refuse("there is no memory to read the URL") }
        defer { curl_url_cleanup(handle) }
        if let base { curl_url_set(handle, CURLUPART_URL, base, 0) }
        guard curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK,
            let whole = Self.part(handle, CURLUPART_URL), let scheme = Self.part(handle, CURLUPART_SCHEME),
            let host = Self.part(handle, CURLUPART_HOST),
            let port = Self.part(handle, CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap({ Int($0) })
        else { throw refuse("it is no URL with a host") }
        guard scheme == "http" || scheme == "https" else {
            throw refuse("only http and https are spoken, not \(scheme)")
        }
        guard Self.part(handle, CURLUPART_USER) == nil, Self.part(handle, CURLUPART_PASSWORD) == nil else {
            throw refuse("a user name or password in a URL is not sent; use a token")
        }
        self.text = whole
        origin = Origin(scheme: scheme, host: host, port: port)
        redacted = Self.withoutQuery(whole)
    }

    private static func part(_ handle: OpaquePointer, _ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }

    /// `text` up to its query or fragment, and without what stands before an @ in its host.
    static func withoutQuery(_ text: String) -> String {
        let path = text.prefix { $0 != "?" && $0 != "#" }
        guard let slashes = path.range(of: "://") else { return String(path) }
        let authority = path[slashes.upperBound...].prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return String(path) }
        return path[..<slashes.upperBound] + "***" + path[at...]
    }
}
