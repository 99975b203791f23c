import CCurl
import Foundation

/// The thread of the transfers: everything of libcurl's is here, and nothing of it anywhere else. Others speak to it
/// through the mailbox.
final class TransferLoop {
    /// How often those who watch are told, in seconds.
    private static let tickSeconds = 0.1
    private static let leastTickSeconds = 0.01
    let configuration: TransferConfiguration
    let policy: RetryPolicy
    let mailbox: TransferMailbox
    /// Hash and synchronise, so that the thread itself never waits for a disk but to hand over bytes.
    let workers = OperationQueue()
    private(set) var limiter: BandwidthLimiter
    /// Who waits for bandwidth, in order.
    var paused: [Exchange] = []
    private let multi: UnsafeMutableRawPointer?
    private var exchanges: [UnsafeMutableRawPointer: Exchange] = [:]
    private var smalls: [Int: SmallTransfer] = [:]
    private var downloads: [Int: FileDownload] = [:]
    private var served = 0
    private var arrivedBytes = 0
    private var tickedAt = 0.0
    private var isStopping = false

    private static let initialized: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init(_ mailbox: TransferMailbox, _ configuration: TransferConfiguration) {
        self.mailbox = mailbox
        self.configuration = configuration
        policy = RetryPolicy(configuration)
        limiter = BandwidthLimiter(limit: mailbox.limit, now: monotonicSeconds())
        workers.maxConcurrentOperationCount = max(2, ProcessInfo.processInfo.activeProcessorCount)
        workers.name = "transfers.disk"
        multi = Self.initialized ? curl_multi_init() : nil
        if let multi {
            svc_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 2 * configuration.maximumConnectionsPerHost)
            svc_curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
        }
    }

    /// Runs until the client is gone.
    func run() {
        // TLS writes to a connection that its peer has closed must fail, not end the process.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        if let multi { mailbox.attach(TransferMailbox.Multi(handle: multi)) }
        while true {
            for command in mailbox.take() { obey(command) }
            if isStopping, smalls.isEmpty, downloads.isEmpty { break }
            let now = monotonicSeconds()
            limiter.advance(to: now, limit: mailbox.limit)
            resumePaused()
            schedule(now)
            var running: Int32 = 0
            if let multi { curl_multi_perform(multi, &running) }
            readMessages()
            let after = monotonicSeconds()
            if arrivedBytes > 0 { mailbox.count(arrivedBytes, now: after) }
            arrivedBytes = 0
            endStalled(after)
            if after - tickedAt >= Self.leastTickSeconds {
                tickedAt = after
                for download in Array(downloads.values) { download.tick(after) }
            }
            schedule(after)
            wait()
        }
        mailbox.detach()
        for exchange in exchanges.values { remove(exchange) }
        if let multi { curl_multi_cleanup(multi) }
    }

    private func wait() {
        guard let multi else { return Thread.sleep(forTimeInterval: 0.01) }
        var seconds = smalls.isEmpty && downloads.isEmpty ? 3600 : Self.tickSeconds
        if !paused.isEmpty { seconds = min(seconds, max(0.002, limiter.secondsUntilOpen)) }
        let now = monotonicSeconds()
        for begin in smalls.values.filter(\.isWaiting).map(\.notBefore) + downloads.values.map(\.notBefore)
        where begin > now { seconds = min(seconds, begin - now) }
        curl_multi_poll(multi, nil, 0, Int32(min(3_600_000, seconds * 1000 + 1)), nil)
    }

    private func obey(_ command: TransferMailbox.Command) {
        switch command {
        case .send(let id, let request, let completion):
            do { smalls[id] = try SmallTransfer(id: id, request, on: self, completion) } catch {
                completion(.failure(error))
            }
        case .download(let id, let order, let completion):
            let download = FileDownload(id: id, order, on: self, completion)
            downloads[id] = download
            download.begin()
        case .cancel(let id):
            smalls[id]?.cancel()
            downloads[id]?.end(CancellationError())
        case .worked(let id, let outcome):
            downloads[id]?.worked(outcome)
        case .stop:
            isStopping = true
            for small in Array(smalls.values) { small.cancel() }
            for download in Array(downloads.values) { download.end(CancellationError()) }
        }
    }

    /// Gives free connections to those who wait: first to small questions, then to the files that have the fewest, in turn.
    private func schedule(_ now: Double) {
        let most = configuration.maximumConnectionsPerHost
        for small in smalls.values.filter({ $0.isWaiting && $0.notBefore <= now }).sorted(by: { $0.id < $1.id }) {
            guard exchanges.count < most else { return }
            small.begin()
        }
        while exchanges.count < max(1, most - 1) {
            let waiting = downloads.values.filter { $0.wantsConnection(now) }
            guard
                let next = waiting.min(by: { ($0.connections, $0.lastServed) < ($1.connections, $1.lastServed) })
            else { return }
            served += 1
            next.lastServed = served
            next.connect()
        }
    }

    // MARK: Exchanges

    /// Begins one. Not from within libcurl.
    func begin(_ exchange: Exchange) {
        do {
            guard let multi else {
                throw TransferError(
                    url: exchange.url.redacted, stage: .preparing, cause: .malformed,
                    reason: "libcurl could not be initialised")
            }
            let handle = try exchange.open()
            exchanges[handle] = exchange
            curl_multi_add_handle(multi, handle)
        } catch {
            exchange.finish(error)
        }
    }

    /// Gives one up; its owner hears nothing of it. Not from within libcurl.
    func abort(_ exchange: Exchange) {
        remove(exchange)
        exchange.close()
    }

    private func remove(_ exchange: Exchange) {
        guard let handle = exchange.handle, exchanges.removeValue(forKey: handle) != nil else { return }
        paused.removeAll { $0 === exchange }
        curl_multi_remove_handle(multi, handle)
    }

    private func readMessages() {
        guard let multi else { return }
        // A message lives until its handle is removed, so all are read first.
        var ended: [(UnsafeMutableRawPointer, CURLcode)] = []
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            if message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle {
                ended.append((handle, message.pointee.data.result))
            }
        }
        for (handle, code) in ended {
            // One may have been given up because of another's end.
            guard let exchange = exchanges[handle] else { continue }
            remove(exchange)
            if exchange.follow() { begin(exchange) } else { exchange.finish(code) }
        }
    }

    private func resumePaused() {
        while !paused.isEmpty, limiter.isOpen {
            let exchange = paused.removeFirst()
            // What it kept comes at once, from within this call; it may be held up again.
            if exchange.resume() { continue }
            remove(exchange)
            exchange.finish(CURLE_WRITE_ERROR)
        }
    }

    private func endStalled(_ now: Double) {
        for exchange in Array(exchanges.values) {
            guard let deadline = exchange.stallDeadline(configuration), deadline <= now, exchange.handle != nil else {
                continue
            }
            let error = exchange.stalled()
            remove(exchange)
            exchange.finish(error)
        }
    }

    /// Counts bytes that came, for the limit and the rate.
    func count(_ bytes: Int) {
        limiter.take(bytes)
        arrivedBytes += bytes
    }

    /// Removes a question that has its answer.
    func forget(_ small: SmallTransfer) { smalls.removeValue(forKey: small.id) }

    /// Removes a download that has ended.
    func forget(_ download: FileDownload) { downloads.removeValue(forKey: download.id) }
}
