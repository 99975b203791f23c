internal import Foundation

/// A stand-in for the Hugging Face Hub on the loopback interface, with faults that can be switched on.
///
/// It speaks what the Hub's own client needs for downloads: the API's listings of a model (`/api/models/…`, also
/// `/revision/…` and `/tree/…`), `/{owner}/{name}/resolve/{revision}/{path}` with the Hub's headers, redirects of
/// large files to a second address with links that are signed and expire, ranges, and the Hub's refusals of what is
/// gated, private or missing. Asked as a proxy, it answers for every address.
///
///     let hub = try StandInHub()
///     hub.add(StandInRepository("someone/a-model", files: [StandInFile("config.json", "{}")]))
///     hub.inject(.reset, at: .body(afterBytes: 1), path: "config.json")
///     // … download from hub.url …
///     #expect(hub.requests.count == 4)
package final class StandInHub: Sendable {
    private let state = StandInState()
    private let listeners: [StandInHost: StandInListener]

    /// Starts it on two free ports of 127.0.0.1.
    ///
    /// - Parameter cdnName: The name by which the content delivery network is told; `localhost` makes it another
    ///   host, not only another port.
    /// - Throws: `POSIXError` if there is no port to listen on.
    package init(cdnName: String = "127.0.0.1") throws {
        listeners = [.hub: try StandInListener(.hub, state), .cdn: try StandInListener(.cdn, state)]
        let urls = [StandInHost.hub: "http://127.0.0.1:\(port(.hub))", .cdn: "http://\(cdnName):\(port(.cdn))"]
        state.with { $0.urls = urls }
    }

    deinit { stop() }

    /// Its port on 127.0.0.1.
    package func port(_ host: StandInHost) -> UInt16 { listeners[host]?.port ?? 0 }

    /// The address of the Hub itself, without a slash at the end: the value of HF_ENDPOINT.
    package var url: String { url(.hub) }

    /// The address of one of its hosts, without a slash at the end.
    package func url(_ host: StandInHost) -> String { state.with { $0.urls[host] ?? "" } }

    /// Lets a host be told by another address, such as that of a front that speaks TLS.
    package func announce(_ host: StandInHost, at url: String) { state.with { $0.urls[host] = url } }

    /// Adds a repository, or puts it in the place of the one with its name.
    package func add(_ repository: StandInRepository) {
        state.with { $0.repositories[repository.id] = repository }
    }

    /// Changes a repository: adds a commit, makes it private.
    package func change<Result: Sendable>(
        _ id: String, _ body: @Sendable (inout StandInRepository) -> Result
    ) -> Result {
        state.with { values in
            guard var repository = values.repositories[id] else { preconditionFailure("no repository \(id)") }
            defer { values.repositories[id] = repository }
            return body(&repository)
        }
    }

    /// Makes a token known that gives no access to anything. One that is not known at all is refused everywhere.
    package func addToken(_ token: String) { state.with { _ = $0.tokens.insert(token) } }

    /// Lets all links to the content delivery network that were given so far expire: it answers them with 403.
    package func expireLinks() { state.with { $0.linkGeneration += 1 } }

    /// How many items a page of a listing has at most; 1000 at first.
    package func setTreePageSize(_ size: Int) { state.with { $0.treePageSize = max(1, size) } }

    /// Whether small files are redirected to a cache within the Hub, as they are at first, or sent at once.
    package func setRedirectsSmallFiles(_ redirects: Bool) {
        state.with { $0.redirectsSmallFiles = redirects }
    }

    /// Whether gated repositories refuse their listings too; at first they refuse files only.
    package func setGatesListings(_ gates: Bool) { state.with { $0.gatesListings = gates } }

    /// Switches a fault on. All rules that match strike, those that were made first come first.
    ///
    /// - Parameters:
    ///   - fault: What goes wrong.
    ///   - phase: When.
    ///   - path: Of a file in its repository, or the end of a request's path; nil for all.
    ///   - host: At which address; nil for both.
    ///   - method: `GET` or `HEAD`; nil for both.
    ///   - skipping: How many matches are spared first.
    ///   - times: How often it strikes; nil for always.
    ///   - share: Which share of the matches is struck, chosen by a fixed sequence.
    package func inject(
        _ fault: StandInFault, at phase: StandInPhase = .headers, path: String? = nil, host: StandInHost? = nil,
        method: String? = nil, skipping: Int = 0, times: Int? = 1, share: Double = 1
    ) {
        precondition(path == nil || phase != .connect, "what a connection is for is not known when it is made")
        let rule = StandInRule(
            fault: fault, phase: phase, path: path, host: host, method: method, skipping: skipping, times: times,
            share: share, random: 0x9E37_79B9_7F4A_7C15)
        state.with { $0.rules.append(rule) }
    }

    /// Switches all faults off, also those that last.
    package func heal() { state.heal() }

    /// Refuses new connections for so long, from the moment on that this returns.
    package func refuse(_ host: StandInHost, forSeconds seconds: Double) { state.refuse(host, forSeconds: seconds) }

    /// How often a fault struck.
    package var faultsStruck: Int { state.with { $0.faultsStruck } }

    /// All requests so far, in the order of their arrival.
    package var requests: [StandInRequest] { state.with { Array($0.requests[$0.forgotten...]) } }

    /// Forgets the requests.
    package func forgetRequests() {
        // Those under way still write to their places, so the places stay until none is.
        state.with { values in
            values.forgotten = values.requests.count
        }
    }

    /// How many connections were made to a host.
    package func connectionsMade(_ host: StandInHost) -> Int {
        state.with { $0.connectionsMade[host] ?? 0 }
    }

    /// The most connections, of both hosts together, that there were at one time.
    package var mostConnections: Int { state.with { $0.mostConnections } }

    /// Ends all connections and listens no more. What it recorded stays.
    package func stop() {
        state.with { values in
            values.isStopped = true
            for connection in values.connections { shutdown(connection, Int32(SHUT_RDWR)) }
        }
        // A second at most, so that threads of one test do not linger into the next.
        for _ in 0..<500 where state.with({ !$0.connections.isEmpty }) { usleep(2000) }
    }
}
