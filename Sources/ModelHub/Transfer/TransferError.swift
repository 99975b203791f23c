/// Why something did not come. It never holds a credential, and its URL has no query: signatures are in there.
package struct TransferError: Error, Equatable, Sendable, CustomStringConvertible {
    /// How far the request was.
    package enum Stage: Equatable, Sendable, CustomStringConvertible {
        /// Before anything was sent.
        case preparing
        /// The host's name was looked up.
        case resolving
        /// A connection was made.
        case connecting
        /// TLS was agreed on.
        case securing
        /// The request went out.
        case sending
        /// It was sent; the answer had not begun.
        case waiting
        /// Bytes of the answer came: the next is `at`, and `of` in all where that is known.
        case receiving(at: Int, of: Int?)

        package var description: String {
            switch self {
            case .preparing: "before sending"
            case .resolving: "while resolving the host's name"
            case .connecting: "while connecting"
            case .securing: "during the TLS handshake"
            case .sending: "while sending the request"
            case .waiting: "while waiting for the answer"
            case .receiving(let position, let size):
                "while receiving at byte \(position)" + (size.map { " of \($0)" } ?? "")
            }
        }
    }

    /// What kind of failure it is.
    package enum Cause: Equatable, Sendable {
        /// No connection: no such name, refused, no answer in time.
        case unreachable
        /// TLS failed: a certificate that nobody vouches for, or no TLS at all.
        case untrusted
        /// The proxy did not do its part.
        case proxy
        /// No byte came for too long.
        case stalled
        /// The connection broke, or ended before the answer was whole.
        case interrupted
        /// The answer is this status.
        case status(Int)
        /// The file at the source is another one than before.
        case changed
        /// The file has another length than it should have.
        case wrongLength(expected: Int, found: Int)
        /// The answer is not what HTTP allows for the question.
        case malformed
        /// Redirects that are not followed: too many, or to where a secret or the file would be in the open.
        case redirect
        /// The answer is longer than the caller wants it.
        case tooLong
        /// The URL cannot be asked.
        case invalidURL
    }

    /// What was asked, without its query.
    package var url: String
    /// How far it was.
    package var stage: Stage
    /// The kind of failure.
    package var cause: Cause
    /// What happened, in words.
    package var reason: String
    /// How many attempts were made in a row without a new byte.
    package var attempts = 1
    /// `X-Error-Code` of the answer, which the Hub tells its refusals apart by.
    package var errorCode: String?
    /// `X-Error-Message` of the answer.
    package var errorMessage: String?
    /// How long the source asks to be left alone, in seconds.
    package var retryAfterSeconds: Double?
    /// The proxy that was used, without its password.
    package var proxy: String?
    /// Whether trying again may help.
    var isTransient = false

    init(url: String, stage: Stage, cause: Cause, reason: String) {
        self.url = url
        self.stage = stage
        self.cause = cause
        self.reason = reason
    }

    /// The status of the answer, where there was one and it is the failure.
    package var status: Int? {
        if case .status(let status) = cause { return status }
        return nil
    }

    /// What happened and where, without the URL and without advice.
    package var summary: String {
        var text = reason
        // Of an answer it is plain when it came.
        switch cause {
        case .status, .invalidURL, .changed, .wrongLength, .redirect, .tooLong, .malformed: break
        case .unreachable, .untrusted, .proxy, .stalled, .interrupted: text += " (\(stage))"
        }
        if let errorMessage, !errorMessage.isEmpty { text += ": \(errorMessage.prefix(300))" }
        if let proxy { text += ", through the proxy \(proxy)" }
        if attempts > 1 { text += "; tried \(attempts) times" }
        if let retryAfterSeconds { text += "; the source asks to wait \(Int(retryAfterSeconds.rounded(.up))) s" }
        return text
    }

    /// What a person can do; nil where the summary says all.
    package var advice: String? {
        switch cause {
        case .untrusted:
            "If the network has an authority of its own, CURL_CA_BUNDLE names the file of its certificates"
        case .proxy: "https_proxy, http_proxy, all_proxy and no_proxy say which proxy is used"
        case .unreachable: proxy == nil ? nil : "no_proxy lists the hosts to reach without the proxy"
        default: nil
        }
    }

    package var description: String {
        "\(url): \(summary)" + (advice.map { ". \($0)" } ?? "")
    }

    /// The same as the hub's own error. `source` is what a person asked for.
    package func modelHubError(source: String) -> ModelHubError {
        let place = "\(url): \(summary)" + (advice.map { ". \($0)" } ?? "")
        return switch cause {
        case .status(404), .status(410): .sourceNotFound(source: source, reason: place)
        default: .network(source: source, reason: place)
        }
    }
}

extension TransferError {
    /// A number of seconds as people write it.
    static func seconds(_ value: Double) -> String {
        value == value.rounded() && value < 1e9 ? String(Int(value)) : String((value * 100).rounded() / 100)
    }
}
