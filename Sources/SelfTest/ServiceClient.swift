internal import CCurl
internal import Foundation

/// A client of a running service over libcurl, one connection per request: what `svc health` and the tests speak
/// through, so that they see what any client sees.
package struct ServiceClient: Sendable {
    /// An answer as it came.
    package struct Answer: Sendable {
        /// The HTTP status.
        package var status: Int
        /// The headers, names in lower case.
        package var headers: [String: String]
        /// The body.
        package var body: [UInt8]

        /// The body as text.
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// The service could not be reached, or did not answer in time.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// The address asked.
        package var url: String
        /// libcurl's words.
        package var reason: String

        package var description: String { "\(url): \(reason)" }
    }

    /// The service's address, without a slash at the end.
    package var baseURL: String
    /// A key to send, if there is one.
    package var apiKey: String?
    /// How long a request may take in all.
    package var timeoutSeconds: Double

    /// A client of the service at an address.
    package init(baseURL: String, apiKey: String? = nil, timeoutSeconds: Double = 60) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.apiKey = apiKey
        self.timeoutSeconds = timeoutSeconds
    }

    /// Sends a request and waits for the whole answer, on a thread of its own.
    ///
    /// - Throws: `Failure` where there is no answer; a status such as 500 is an answer.
    package func request(
        _ method: String = "GET", _ path: String, headers: [String: String] = [:], body: [UInt8]? = nil
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(with: Result { try self.perform(method, path, headers: headers, body: body) })
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
    }

    /// POSTs a JSON text.
    package func post(_ path: String, json: String) async throws -> Answer {
        try await request("POST", path, headers: ["content-type": "application/json"], body: Array(json.utf8))
    }

    private static let initialized: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// What arrives, gathered by libcurl's callbacks.
    private final class Inbox {
        var body: [UInt8] = []
        var headers: [String: String] = [:]
    }

    private func perform(
        _ method: String, _ path: String, headers: [String: String], body: [UInt8]?
    ) throws -> Answer {
        let url = baseURL + path
        guard Self.initialized, let handle = curl_easy_init() else {
            throw Failure(url: url, reason: "libcurl could not be initialised")
        }
        defer { curl_easy_cleanup(handle) }
        let inbox = Inbox()
        svc_curl_set_string(handle, CURLOPT_URL, url)
        svc_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, method)
        svc_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        svc_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(timeoutSeconds * 1000))
        svc_curl_set_string(handle, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1")
        if method == "HEAD" { svc_curl_set_long(handle, CURLOPT_NOBODY, 1) }
        var list: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(list) }
        var fields = headers
        if let apiKey { fields["Authorization"] = "Bearer \(apiKey)" }
        // libcurl would wait a second for a server that does not answer "Expect: 100-continue".
        fields["Expect"] = ""
        for (name, value) in fields { list = curl_slist_append(list, value.isEmpty ? "\(name):" : "\(name): \(value)") }
        svc_curl_set_pointer(handle, CURLOPT_HTTPHEADER, list)
        svc_curl_set_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(inbox).toOpaque())
        svc_curl_set_pointer(handle, CURLOPT_HEADERDATA, Unmanaged.passUnretained(inbox).toOpaque())
        svc_curl_set_write(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let inbox = Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
            inbox.body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        svc_curl_set_write(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let inbox = Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
            let line = String(decoding: UnsafeRawBufferPointer(start: bytes, count: size * count), as: UTF8.self)
            if let colon = line.firstIndex(of: ":") {
                let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
                inbox.headers[line[..<colon].lowercased()] = value
            }
            return size * count
        }
        let payload = body ?? []
        let code = withExtendedLifetime(inbox) {
            payload.withUnsafeBytes { bytes in
                if body != nil {
                    svc_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, bytes.count)
                    svc_curl_set_pointer(
                        handle, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? emptyBody))
                }
                return curl_easy_perform(handle)
            }
        }
        guard code == CURLE_OK else { throw Failure(url: url, reason: String(cString: curl_easy_strerror(code))) }
        var status = 0
        svc_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        return Answer(status: status, headers: inbox.headers, body: inbox.body)
    }
}

/// A body of no bytes still needs an address.
private nonisolated(unsafe) let emptyBody = UnsafeRawPointer(
    UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))
