import CCurl
import Foundation

/// Whoever an exchange is for. All calls come on the thread of the transfers. The first two come from within libcurl,
/// where no exchange may be begun or given up but by throwing.
protocol ExchangeOwner: AnyObject {
    /// The head of the answer that is not a redirect to follow.
    func answered(_ head: ResponseHead, _ exchange: Exchange) throws
    /// Some bytes of its body.
    func received(_ bytes: UnsafeRawBufferPointer, _ exchange: Exchange) throws
    /// It is over. `error` is what the owner threw, or a `TransferError`, or nil where the answer came whole.
    func ended(_ exchange: Exchange, _ error: (any Error)?)
}

/// One question and its answer, through all redirects; on one connection at a time.
///
/// It lives as long as the loop has it in its list, and libcurl calls it only for as long; so the pointers that libcurl has
/// to it own nothing.
final class Exchange {
    /// What is asked.
    struct Question {
        var method = TransferRequest.Method.get
        var headers: [String] = []
        var credential: Credential?
        var followsRedirects = true
        var staysAtOrigin = false
        /// Whether it waits where the bandwidth is used up.
        var isLimited = true
    }

    private static let longestRedirectBody = 64 << 10
    private static let longestHead = 256 << 10
    private static let mostRedirects = 10
    private static let bufferBytes = 128 << 10

    let question: Question
    private(set) var url: TransferURL
    private(set) var redirects: [(url: TransferURL, head: ResponseHead)] = []
    private(set) var head: ResponseHead?
    /// The easy handle, while it is under way.
    private(set) var handle: UnsafeMutableRawPointer?
    /// Whether our own limit holds it up.
    fileprivate(set) var isPaused = false
    /// When something came or happened last.
    private var lastActivity: Double
    private var isConnected = false
    private var headBytes = 0
    private var bodyBytes = 0
    private var isHeadWhole = false
    private var redirectTarget: TransferURL?
    private var failure: (any Error)?
    private var list: UnsafeMutablePointer<curl_slist>?
    private let messages: UnsafeMutablePointer<CChar>
    private unowned let loop: TransferLoop
    private let owner: any ExchangeOwner

    init(_ question: Question, to url: TransferURL, for owner: any ExchangeOwner, on loop: TransferLoop) {
        self.question = question
        self.url = url
        self.owner = owner
        self.loop = loop
        lastActivity = monotonicSeconds()
        messages = .allocate(capacity: Int(CURL_ERROR_SIZE))
        messages.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        close()
        messages.deallocate()
    }

    /// Makes the handle for what is to be asked next.
    func open() throws -> UnsafeMutableRawPointer {
        precondition(handle == nil, "an exchange has one handle at a time")
        guard let handle = curl_easy_init() else {
            throw TransferError(
                url: url.redacted, stage: .preparing, cause: .malformed, reason: "libcurl has no memory")
        }
        self.handle = handle
        (head, isHeadWhole, headBytes, bodyBytes, isConnected, isPaused) = (nil, false, 0, 0, false, false)
        redirectTarget = nil
        messages[0] = 0
        lastActivity = monotonicSeconds()
        svc_curl_set_string(handle, CURLOPT_URL, url.text)
        svc_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        svc_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        // One that is given up does not wait for a name server that never answers.
        svc_curl_set_long(handle, CURLOPT_QUICK_EXIT, 1)
        svc_curl_set_long(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        // Parallel ranges are of use on connections of their own; on one of HTTP/2 they would share its window.
        svc_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        svc_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(loop.configuration.connectSeconds * 1000)))
        svc_curl_set_long(handle, CURLOPT_BUFFERSIZE, Self.bufferBytes)
        svc_curl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
        svc_curl_set_long(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        svc_curl_set_string(handle, CURLOPT_USERAGENT, "svc")
        // Said even where it is empty: libcurl would else read the process's own variables.
        svc_curl_set_string(handle, CURLOPT_PROXY, loop.configuration.proxy(for: url.origin))
        svc_curl_set_string(handle, CURLOPT_NOPROXY, loop.configuration.noProxy)
        if let file = loop.configuration.authorityFile { svc_curl_set_string(handle, CURLOPT_CAINFO, file) }
        if let path = loop.configuration.authorityDirectory { svc_curl_set_string(handle, CURLOPT_CAPATH, path) }
        if question.method == .head { svc_curl_set_long(handle, CURLOPT_NOBODY, 1) }
        // Compressed bytes are not those that the ranges and the digests are of.
        for header in question.headers + ["Accept-Encoding: identity"] { list = curl_slist_append(list, header) }
        if let header = question.credential?.header(for: url.origin) { list = curl_slist_append(list, header) }
        svc_curl_set_pointer(handle, CURLOPT_HTTPHEADER, list)
        svc_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, messages)
        let context = Unmanaged.passUnretained(self).toOpaque()
        svc_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        svc_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        svc_curl_set_write(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            Exchange.at(context)?.receive(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        svc_curl_set_write(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Exchange.at(context)?.receive(line: UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        svc_curl_set_connected(
            handle,
            { context, _, _, _, _ in
                Exchange.at(context)?.noteConnected()
                return CURL_PREREQFUNC_OK
            }, context)
        return handle
    }

    /// Frees the handle, which must not be in the multi handle any more.
    func close() {
        if let handle { curl_easy_cleanup(handle) }
        handle = nil
        curl_slist_free_all(list)
        list = nil
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> Exchange? {
        context.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
    }

    private func noteConnected() {
        isConnected = true
        lastActivity = monotonicSeconds()
    }

    /// When it counts as stalled; nil while our own limit holds it up.
    func stallDeadline(_ configuration: TransferConfiguration) -> Double? {
        guard !isPaused else { return nil }
        return lastActivity + configuration.stallSeconds + (isConnected ? 0 : configuration.connectSeconds)
    }

    // MARK: What libcurl calls

    private func receive(line: UnsafeRawBufferPointer) -> Int {
        lastActivity = monotonicSeconds()
        headBytes += line.count
        guard headBytes <= Self.longestHead else {
            failure = error(.waiting, .malformed, "the answer's headers are longer than 256 KB")
            return 0
        }
        // What follows the head is a trailer.
        if isHeadWhole { return line.count }
        if let begun = ResponseHead(statusLine: line) {
            head = begun
        } else if line.allSatisfy({ $0 == 0x0d || $0 == 0x0a }) {
            // One of 100 to 199 announces another.
            if var head, head.status >= 200 {
                isHeadWhole = true
                // It is shown to people, and a source may repeat what it was told.
                head.redact("x-error-message", question.credential)
                self.head = head
                do { try takeHead(head) } catch {
                    failure = error
                    return 0
                }
            }
        } else {
            head?.take(line)
        }
        return line.count
    }

    private func takeHead(_ head: ResponseHead) throws {
        if question.followsRedirects, let location = head.location {
            let target = try url.resolving(location)
            if !question.staysAtOrigin || target.origin == url.origin {
                guard redirects.count < Self.mostRedirects else {
                    throw error(.waiting, .redirect, "more than \(Self.mostRedirects) redirects")
                }
                guard url.origin.scheme == "http" || target.origin.scheme == "https" || target.origin.isLoopback else {
                    throw error(
                        .waiting, .redirect, "it redirects from https to \(target.redacted), which anyone may read")
                }
                redirectTarget = target
                return
            }
        }
        try owner.answered(head, self)
    }

    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        if redirectTarget == nil {
            if question.isLimited, !loop.limiter.isOpen {
                isPaused = true
                loop.paused.append(self)
                return Int(CURL_WRITEFUNC_PAUSE)
            }
            loop.count(bytes.count)
            bodyBytes += bytes.count
            do { try owner.received(bytes, self) } catch {
                failure = error
                return 0
            }
        } else {
            // Read to its end, so that the connection can be used again, unless that would take long.
            bodyBytes += bytes.count
            if bodyBytes > Self.longestRedirectBody { return 0 }
        }
        // After the write: a slow disk is not the source's fault.
        lastActivity = monotonicSeconds()
        return bytes.count
    }

    /// Lets it go on after the limit held it up, and hands out what libcurl has kept meanwhile. False if that failed.
    func resume() -> Bool {
        guard isPaused, let handle else { return true }
        isPaused = false
        lastActivity = monotonicSeconds()
        return svc_curl_unpause(handle) == CURLE_OK
    }

    // MARK: The end

    /// After libcurl is done with the handle: whether another one has to be opened, to where the answer pointed.
    func follow() -> Bool {
        guard failure == nil, let target = redirectTarget, let head else { return false }
        redirects.append((url, head))
        url = target
        close()
        return true
    }

    /// Tells the owner.
    func finish(_ code: CURLcode) {
        let error = failure ?? (code == CURLE_OK && isHeadWhole ? nil : transferError(code))
        close()
        owner.ended(self, error)
    }

    /// Tells the owner of another end than libcurl's.
    func finish(_ error: any Error) {
        close()
        owner.ended(self, error)
    }

    /// The error of one that stalled.
    func stalled() -> TransferError {
        var stalled = error(
            stage(), .stalled, "no byte came for \(TransferError.seconds(loop.configuration.stallSeconds)) s")
        stalled.isTransient = true
        return stalled
    }

    private func error(_ stage: TransferError.Stage, _ cause: TransferError.Cause, _ reason: String) -> TransferError {
        var error = TransferError(
            url: url.redacted, stage: stage, cause: cause, reason: question.credential?.redacted(reason) ?? reason)
        error.proxy = loop.configuration.proxyShown(for: url.origin)
        return error
    }

    private func stage() -> TransferError.Stage {
        if head != nil { return .receiving(at: bodyBytes, of: head?.contentLength) }
        if isConnected { return .waiting }
        guard let handle else { return .connecting }
        var looked: curl_off_t = 0
        var connected: curl_off_t = 0
        svc_curl_get_offset(handle, CURLINFO_NAMELOOKUP_TIME_T, &looked)
        svc_curl_get_offset(handle, CURLINFO_CONNECT_TIME_T, &connected)
        if connected > 0 { return url.origin.scheme == "https" ? .securing : .sending }
        return looked > 0 ? .connecting : .resolving
    }

    /// What libcurl's code means.
    private func transferError(_ code: CURLcode) -> TransferError {
        let said = String(cString: messages)
        let words = said.isEmpty ? String(cString: curl_easy_strerror(code)) : said
        var stage = stage()
        var isTransient = true
        let cause: TransferError.Cause
        var proxyStatus = 0
        if let handle { svc_curl_get_long(handle, CURLINFO_HTTP_CONNECTCODE, &proxyStatus) }
        if proxyStatus >= 300 {
            (cause, stage, isTransient) = (.proxy, .connecting, proxyStatus != 407 && proxyStatus != 403)
        } else {
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST: (cause, stage) = (.unreachable, .resolving)
            case CURLE_COULDNT_RESOLVE_PROXY: (cause, stage) = (.proxy, .resolving)
            // The time runs out for name, connection and handshake together; only the words tell where.
            case CURLE_OPERATION_TIMEDOUT where words.contains("SSL"): (cause, stage) = (.untrusted, .securing)
            case CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT: cause = .unreachable
            case CURLE_PROXY: cause = .proxy
            // Also a connection that breaks in the middle of the handshake.
            case CURLE_SSL_CONNECT_ERROR: (cause, stage) = (.untrusted, .securing)
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
                CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_ENGINE_NOTFOUND,
                CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_CRL_BADFILE:
                (cause, stage, isTransient) = (.untrusted, .securing, false)
            case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY: cause = .malformed
            case CURLE_URL_MALFORMAT: (cause, isTransient) = (.invalidURL, false)
            case CURLE_OUT_OF_MEMORY: (cause, isTransient) = (.malformed, false)
            default: cause = .interrupted
            }
        }
        var error = error(stage, cause, words)
        error.isTransient = isTransient
        return error
    }
}
