internal import CCurl
internal import Foundation

/// A connection to a service, by libcurl: requests one after the other, each of which blocks its thread until the
/// answer is whole, a limit is reached, or it is given up. Stays on one thread at a time.
final class CurlSession {
    /// What a request may take.
    struct Limits {
        /// In all.
        var totalSeconds: Double
        /// Without a byte, once the request is under way; nil for no limit of its own.
        var silenceSeconds: Double?
    }

    /// Why a transfer came to no end of its own.
    enum Interruption: Error {
        /// The task was cancelled.
        case cancelled
        /// No byte came for so long.
        case silence(seconds: Double)
        /// libcurl's words.
        case failed(String)
    }

    /// What has come of an answer.
    final class Inbox {
        fileprivate(set) var headers: [String: String] = [:]
        fileprivate(set) var status = 0
        fileprivate(set) var body: [UInt8] = []
        /// When the first byte of the answer came, in seconds since the request began.
        fileprivate(set) var firstByteSeconds: Double?
        fileprivate var lastByteSeconds = 0.0
        fileprivate let started = ContinuousClock.now
        /// Sees the bytes of the body as they come; false ends the transfer.
        fileprivate let onBytes: ((Inbox, UnsafeRawBufferPointer, Double) -> Bool)?
        fileprivate(set) var wasStopped = false

        init(onBytes: ((Inbox, UnsafeRawBufferPointer, Double) -> Bool)? = nil) { self.onBytes = onBytes }

        /// Seconds since the request began.
        var elapsed: Double { (.now - started) / .seconds(1) }

        fileprivate func mark() -> Double {
            let seconds = elapsed
            if firstByteSeconds == nil { firstByteSeconds = seconds }
            lastByteSeconds = seconds
            return seconds
        }

        fileprivate func takeHeader(_ bytes: UnsafeRawBufferPointer) {
            _ = mark()
            let line = String(decoding: bytes, as: UTF8.self)
            if line.hasPrefix("HTTP/") {
                // Another head begins: what was before was an interim answer.
                headers = [:]
                status = Int(line.split(separator: " ").dropFirst().first?.prefix(3) ?? "") ?? 0
            } else if let colon = line.firstIndex(of: ":") {
                let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
                headers[line[..<colon].lowercased()] = value
            }
        }

        fileprivate func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
            let seconds = mark()
            body.append(contentsOf: bytes)
            guard let onBytes else { return true }
            if !onBytes(self, bytes, seconds) { wasStopped = true }
            return !wasStopped
        }
    }

    private static let initialized: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    private let easy: UnsafeMutableRawPointer
    private let multi: UnsafeMutableRawPointer

    /// - Throws: `Interruption.failed`.
    init() throws {
        guard Self.initialized, let easy = curl_easy_init() else {
            throw Interruption.failed("libcurl could not be initialised")
        }
        guard let multi = curl_multi_init() else {
            curl_easy_cleanup(easy)
            throw Interruption.failed("libcurl could not be initialised")
        }
        (self.easy, self.multi) = (easy, multi)
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_multi_cleanup(multi)
    }

    /// Sends a request and receives its answer into the inbox.
    ///
    /// - Parameter isCancelled: asked at least ten times a second.
    /// - Throws: `Interruption`; not where the inbox's own closure has stopped the transfer.
    func perform(_ request: SentRequest, limits: Limits, into inbox: Inbox, isCancelled: () -> Bool) throws {
        curl_easy_reset(easy)
        svc_curl_set_string(easy, CURLOPT_URL, request.url)
        svc_curl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method)
        svc_curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        svc_curl_set_long(easy, CURLOPT_TIMEOUT_MS, max(1, Int(limits.totalSeconds * 1000)))
        svc_curl_set_string(easy, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1")
        if request.method == "HEAD" { svc_curl_set_long(easy, CURLOPT_NOBODY, 1) }
        var list: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(list) }
        var fields = request.headers
        // libcurl would wait a second for a server that does not answer "Expect: 100-continue".
        fields["Expect"] = ""
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            list = curl_slist_append(list, value.isEmpty ? "\(name):" : "\(name): \(value)")
        }
        svc_curl_set_pointer(easy, CURLOPT_HTTPHEADER, list)
        let context = Unmanaged.passUnretained(inbox).toOpaque()
        svc_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        svc_curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        svc_curl_set_write(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let inbox = Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
            return inbox.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        svc_curl_set_write(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let inbox = Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
            inbox.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        let payload = request.body ?? []
        let code = try withExtendedLifetime(inbox) {
            try payload.withUnsafeBytes { bytes in
                if request.body != nil {
                    svc_curl_set_long(easy, CURLOPT_POSTFIELDSIZE, bytes.count)
                    svc_curl_set_pointer(
                        easy, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? emptyBody))
                }
                return try transfer(limits, inbox, isCancelled)
            }
        }
        guard code == CURLE_OK || inbox.wasStopped else {
            throw Interruption.failed(String(cString: curl_easy_strerror(code)))
        }
    }

    /// Runs the transfer that is set up, looking up from it now and then.
    private func transfer(_ limits: Limits, _ inbox: Inbox, _ isCancelled: () -> Bool) throws -> CURLcode {
        curl_multi_add_handle(multi, easy)
        defer { curl_multi_remove_handle(multi, easy) }
        while true {
            var running: Int32 = 0
            let code = curl_multi_perform(multi, &running)
            guard code == CURLM_OK else {
                throw Interruption.failed(String(cString: curl_multi_strerror(code)))
            }
            var left: Int32 = 0
            if let message = curl_multi_info_read(multi, &left), message.pointee.msg == CURLMSG_DONE {
                return message.pointee.data.result
            }
            if isCancelled() { throw Interruption.cancelled }
            if let silence = limits.silenceSeconds, inbox.elapsed - inbox.lastByteSeconds > silence {
                throw Interruption.silence(seconds: silence)
            }
            curl_multi_poll(multi, nil, 0, 100, nil)
        }
    }
}

/// A body of no bytes still needs an address.
private nonisolated(unsafe) let emptyBody = UnsafeRawPointer(
    UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))
