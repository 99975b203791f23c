internal import Hummingbird
internal import HTTPTypes
internal import ModelHub

extension HTTPField.Name {
    static let lastEventID = HTTPField.Name("last-event-id").unsafelyUnwrapped
}

/// Which events a client wants to hear, and from where on: the query of `GET /events` and `GET /events/ws`, and the
/// header with which an EventSource comes back.
struct EventQuery: Sendable {
    /// A place in the events of one process.
    struct Position: Sendable, Equatable {
        /// The process, as `EventBus.epoch` names it.
        var epoch: String
        /// The number of the last event that is known; 0 for none.
        var number: Int

        /// Reads `<epoch>-<number>`; nil where it is something else.
        init?(_ text: some StringProtocol) {
            let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, (1...32).contains(parts[0].utf8.count), parts[1].utf8.allSatisfy(Self.isDigit),
                parts[0].utf8.allSatisfy({ Self.isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }),
                let number = Int(parts[1])
            else { return nil }
            (epoch, self.number) = (String(parts[0]), number)
        }

        private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    }

    /// The kinds that are wanted; nil for all.
    private(set) var kinds: Set<ServiceEvent.Kind>?
    /// The model that events have to be about; nil for all.
    private(set) var model: String?
    /// Where the client left off; nil for what happens from now on.
    private(set) var after: Position?

    /// Reads `kinds`, `model` and `after`, and `Last-Event-ID`, which an EventSource sends with the address it began
    /// with and which is the newer of the two.
    ///
    /// - Throws: `APIError` 400 that names the parameter.
    init(_ request: Request) throws {
        let parameters = request.uri.queryParameters
        let names = parameters[values: "kinds"]
        if !names.isEmpty { kinds = try Self.kinds(names.joined(separator: ",")) }
        if let name = parameters["model"] {
            guard !name.isEmpty else { throw APIError.invalidValue("model", "the name of a model") }
            model = String(name)
        }
        if let id = request.headers[.lastEventID], !id.isEmpty {
            after = try Self.position(id, "Last-Event-ID")
        } else if let id = parameters["after"] {
            after = try Self.position(id, "after")
        }
    }

    /// Whether the client wants to hear of it.
    func includes(_ event: ServiceEvent) -> Bool {
        (kinds?.contains(event.kind) ?? true) && (model.map { $0 == event.model } ?? true)
    }

    private static func position(_ text: some StringProtocol, _ name: String) throws -> Position {
        guard let position = Position(text) else { throw APIError.invalidValue(name, "the id of an event") }
        return position
    }

    /// The kinds that a list such as `download.*,model.state` names.
    private static func kinds(_ list: String) throws -> Set<ServiceEvent.Kind> {
        var kinds: Set<ServiceEvent.Kind> = []
        for item in list.split(separator: ",", omittingEmptySubsequences: false) {
            let isFamily = item.hasSuffix(".*")
            let found = ServiceEvent.Kind.allCases.filter {
                isFamily ? $0.rawValue.hasPrefix(item.dropLast()) : $0.rawValue == item || item == "*"
            }
            guard !found.isEmpty else {
                let known = ServiceEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw APIError.invalidValue(
                    "kinds",
                    "a list of kinds of events, or of their beginnings such as download.*: there is no "
                        + "\"\(item.prefix(80))\" among \(known)")
            }
            kinds.formUnion(found)
        }
        return kinds
    }
}
