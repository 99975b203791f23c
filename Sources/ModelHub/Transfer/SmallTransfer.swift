/// A question with a small answer, under way; it belongs to the thread of the transfers.
final class SmallTransfer: ExchangeOwner {
    let id: Int
    /// When it may be asked again.
    private(set) var notBefore = 0.0
    /// Whether it waits to be asked.
    private(set) var isWaiting = true
    private let request: TransferRequest
    private let url: TransferURL
    private var exchange: Exchange?
    private var head: ResponseHead?
    private var body: [UInt8] = []
    private var failures = 0
    private unowned let loop: TransferLoop
    private let completion: (Result<TransferResponse, any Error>) -> Void

    init(
        id: Int, _ request: TransferRequest, on loop: TransferLoop,
        _ completion: @escaping (Result<TransferResponse, any Error>) -> Void
    ) throws {
        self.id = id
        self.request = request
        self.loop = loop
        self.completion = completion
        url = try TransferURL(request.url)
    }

    /// Asks.
    func begin() {
        isWaiting = false
        body = []
        head = nil
        let exchange = Exchange(
            Exchange.Question(
                method: request.method,
                headers: request.headers.map { Self.header($0.key, $0.value) }.sorted(),
                credential: request.credential, followsRedirects: request.followsRedirects,
                staysAtOrigin: request.staysAtOrigin, isLimited: false),
            to: url, for: self, on: loop)
        self.exchange = exchange
        loop.begin(exchange)
    }

    private static func header(_ name: String, _ value: String) -> String {
        let line = value.isEmpty ? "\(name);" : "\(name): \(value)"
        return String(decoding: line.utf8.filter { $0 >= 0x20 && $0 != 0x7f }, as: UTF8.self)
    }

    func answered(_ head: ResponseHead, _ exchange: Exchange) throws { self.head = head }

    func received(_ bytes: UnsafeRawBufferPointer, _ exchange: Exchange) throws {
        guard body.count + bytes.count <= request.limitBytes else {
            throw TransferError(
                url: exchange.url.redacted, stage: .receiving(at: body.count, of: head?.contentLength), cause: .tooLong,
                reason: "the answer is longer than \(request.limitBytes) bytes")
        }
        body.append(contentsOf: bytes)
    }

    func ended(_ exchange: Exchange, _ error: (any Error)?) {
        self.exchange = nil
        guard let error else {
            guard let head else { preconditionFailure("an answer that ended well has a head") }
            if RetryPolicy.isTransient(status: head.status), retries(after: .status(head, exchange.url)) { return }
            return finish(
                .success(
                    TransferResponse(
                        status: head.status, headers: head.headers, body: body, url: exchange.url.text,
                        redirects: exchange.redirects.map {
                            TransferResponse.Redirect(
                                url: $0.url.text, status: $0.head.status, headers: $0.head.headers)
                        })))
        }
        guard var error = error as? TransferError else { return finish(.failure(error)) }
        if retries(after: error) { return }
        error.attempts = failures
        finish(.failure(error))
    }

    private func retries(after error: TransferError) -> Bool {
        failures += 1
        guard loop.policy.allows(error, failures: failures) else { return false }
        notBefore =
            monotonicSeconds() + loop.policy.delay(afterFailures: failures, retryAfter: error.retryAfterSeconds)
        isWaiting = true
        return true
    }

    func cancel() {
        if let exchange { loop.abort(exchange) }
        exchange = nil
        finish(.failure(CancellationError()))
    }

    private func finish(_ result: Result<TransferResponse, any Error>) {
        loop.forget(self)
        completion(result)
    }
}

extension TransferError {
    /// The error that a status is.
    static func status(_ head: ResponseHead, _ url: TransferURL) -> TransferError {
        var error = TransferError(
            url: url.redacted, stage: .waiting, cause: .status(head.status),
            reason: "the answer is status \(head.status)")
        error.isTransient = RetryPolicy.isTransient(status: head.status)
        error.retryAfterSeconds = error.isTransient ? head.retryAfterSeconds : nil
        error.errorCode = head.headers["x-error-code"]
        error.errorMessage = head.headers["x-error-message"]
        return error
    }
}
