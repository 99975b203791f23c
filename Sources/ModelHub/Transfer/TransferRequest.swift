/// A question with a small answer: of an API, or of the head of a file.
package struct TransferRequest: Sendable {
    /// What is asked.
    package enum Method: Sendable, Equatable {
        case get
        /// The headers alone.
        case head
    }

    /// What to ask; `http` or `https`.
    package var url: String
    /// What of it.
    package var method: Method
    /// More headers to send.
    package var headers: [String: String]
    /// A secret, sent to its own origin only.
    package var credential: Credential?
    /// How long the answer's body may be, in bytes.
    package var limitBytes: Int
    /// Whether an answer that points elsewhere is followed; else it is the answer.
    package var followsRedirects: Bool
    /// Follow only what stays at the origin of `url`, such as the new name of a repository; the first that leaves it is the
    /// answer.
    package var staysAtOrigin: Bool

    /// A question.
    package init(
        url: String, method: Method = .get, headers: [String: String] = [:], credential: Credential? = nil,
        limitBytes: Int = 16 << 20, followsRedirects: Bool = true, staysAtOrigin: Bool = false
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.credential = credential
        self.limitBytes = limitBytes
        self.followsRedirects = followsRedirects
        self.staysAtOrigin = staysAtOrigin
    }
}

/// An answer, whatever its status.
package struct TransferResponse: Sendable, Equatable {
    /// An answer on the way that pointed elsewhere.
    package struct Redirect: Sendable, Equatable {
        /// What was asked.
        package var url: String
        /// The status.
        package var status: Int
        /// The headers, names in lower case.
        package var headers: [String: String]
    }

    /// The HTTP status.
    package var status: Int
    /// The headers, names in lower case; of several with one name the values are joined by ", ".
    package var headers: [String: String]
    /// The body.
    package var body: [UInt8]
    /// What was asked last, with its query: not for logs.
    package var url: String
    /// What pointed elsewhere before, in order.
    package var redirects: [Redirect]
}
