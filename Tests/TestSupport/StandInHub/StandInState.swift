internal import Crypto
internal import Foundation
internal import Synchronization

/// What the stand-in hub's threads share.
final class StandInState: Sendable {
    struct Values {
        var repositories: [String: StandInRepository] = [:]
        var rules: [StandInRule] = []
        var requests: [StandInRequest] = []
        var tokens: Set<String> = []
        var urls: [StandInHost: String] = [:]
        var linkGeneration = 0
        var treePageSize = 1000
        var redirectsSmallFiles = true
        var gatesListings = false
        var faultsStruck = 0
        var connections: Set<Int32> = []
        var connectionsMade: [StandInHost: Int] = [:]
        var mostConnections = 0
        var refusedUntil: [StandInHost: ContinuousClock.Instant] = [:]
        /// The hosts whose sockets do not listen, which is a moment later than they were told so.
        var deafHosts: Set<StandInHost> = []
        var forgotten = 0
        /// How often all faults were taken away.
        var healings = 0
        var isStopped = false
    }

    private let values = Mutex(Values())

    /// Reads or changes it, one thread at a time.
    func with<Result>(_ body: (inout sending Values) throws -> sending Result) rethrows -> sending Result {
        try values.withLock(body)
    }

    var isStopped: Bool { with { $0.isStopped } }

    /// Whether new connections are refused now.
    func isRefusing(_ host: StandInHost) -> Bool {
        with { ($0.refusedUntil[host] ?? .now) > .now }
    }

    /// Notes that a host's socket listens, or does not.
    func note(_ host: StandInHost, listens: Bool) {
        with { values in
            if listens { values.deafHosts.remove(host) } else { values.deafHosts.insert(host) }
        }
    }

    /// Refuses new connections for so long, from the moment on that this returns.
    func refuse(_ host: StandInHost, forSeconds seconds: Double) {
        let healings = with { values in
            values.refusedUntil[host] = .now + .seconds(3600)
            return values.healings
        }
        wait { $0.deafHosts.contains(host) || $0.healings != healings }
        // The time counts from when it began, else a short one could be over before anybody was refused.
        with { values in
            if values.healings == healings { values.refusedUntil[host] = .now + .seconds(seconds) }
        }
    }

    /// Takes all faults away, also those that last. When this returns, connections are taken again.
    func heal() {
        with { values in
            values.rules = []
            values.refusedUntil = [:]
            values.healings += 1
        }
        wait { $0.deafHosts.isEmpty || !$0.refusedUntil.isEmpty }
    }

    /// Waits until the listeners, which look every few milliseconds, have done it, or are stopped.
    private func wait(until isDone: (borrowing Values) -> Bool) {
        while !with({ $0.isStopped || isDone($0) }) { usleep(500) }
    }

    /// The faults that strike now, which are used up by that.
    func strike(
        _ host: StandInHost, _ method: String?, _ path: String?, at phases: (StandInPhase) -> Bool
    ) -> [(fault: StandInFault, phase: StandInPhase)] {
        with { values in
            var struck: [(fault: StandInFault, phase: StandInPhase)] = []
            for index in values.rules.indices
            where phases(values.rules[index].phase) && values.rules[index].matches(host, method, path) {
                guard values.rules[index].strikes() else { continue }
                struck.append((values.rules[index].fault, values.rules[index].phase))
            }
            values.faultsStruck += struck.count
            return struck
        }
    }

    /// Notes a request and returns its number.
    func note(_ request: StandInRequest) -> Int {
        with {
            $0.requests.append(request)
            return $0.requests.count - 1
        }
    }

    func update(_ number: Int, _ change: (inout StandInRequest) -> Void) {
        with { change(&$0.requests[number]) }
    }

    /// POLLRDHUP, which the importer does not see.
    private static let peerIsGone: Int16 = 0x2000

    /// Sleeps, in pieces, so that neither a stop nor a client that went away is kept waiting, and until the faults are
    /// taken away.
    ///
    /// - Returns: Whether to go on.
    func sleep(_ seconds: Double, _ descriptor: Int32) -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        let healings = with(\.healings)
        while !isStopped {
            let left = end - .now
            guard left > .zero, with(\.healings) == healings else { return true }
            var poll = pollfd(fd: descriptor, events: Self.peerIsGone, revents: 0)
            let milliseconds = Int32(min(left / .milliseconds(1), 50).rounded(.up))
            if Foundation.poll(&poll, 1, milliseconds) > 0, poll.revents != 0 { return false }
        }
        return false
    }
}

extension StandInState {
    /// The address at the content delivery network that gives a file, for a while, without a token.
    func link(to file: StandInFile, of repository: StandInRepository) -> String {
        let base = with { $0.urls[.cdn] ?? "" }
        let path = "/repos/\(repository.id)/\(file.sha256)"
        let expires = Int(Date().timeIntervalSince1970) + 3600
        let name = (file.path as NSString).lastPathComponent
        let disposition = "inline%3B+filename*%3DUTF-8%27%27\(name)%3B+filename%3D%22\(name)%22%3B"
        return "\(base)\(path)?response-content-disposition=\(disposition)&Expires=\(expires)"
            + "&Signature=\(signature(path, expires))&Key-Pair-Id=STANDIN"
    }

    /// What proves that the hub made a link, and that it is still good.
    func signature(_ path: String, _ expires: Int) -> String {
        hexadecimal(SHA256.hash(data: Array("\(with { $0.linkGeneration }) \(path) \(expires)".utf8)))
    }
}
