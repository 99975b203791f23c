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
