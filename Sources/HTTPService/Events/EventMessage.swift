internal import Foundation
internal import ModelHub
internal import Tokenizers

/// Something that a client of the events is told, in words: the same JSON in a stream and in a socket.
struct EventMessage: Sendable {
    /// Where to go on after it: `<epoch>-<number>`. Nil where that has not changed.
    private(set) var id: String?
    /// What it is: the kind of an event, or `missed`.
    let kind: String
    /// `{"id", "time", "kind", "model", "data": {…}}`, without what there is nothing to say of.
    let json: String

    private init(id: String?, time: Date, kind: String, model: String?, data: TemplateValue) {
        var object = TemplateDictionary()
        if let id { object["id"] = .string(id) }
        object["time"] = .string(time.formatted(Self.time))
        object["kind"] = .string(kind)
        if let model { object["model"] = .string(model) }
        object["data"] = data
        var json = ""
        JSONText.append(.dictionary(object), to: &json)
        (self.id, self.kind, self.json) = (id, kind, json)
    }

    private static let time = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// An event of the process that `epoch` names.
    init(_ event: ServiceEvent, epoch: String) {
        var data = TemplateDictionary()
        for (name, value) in event.fields.sorted(by: { $0.key < $1.key }) {
            data[name] =
                switch value {
                case .text(let text): .string(text)
                case .integer(let number): .int(number)
                case .number(let number): .float(number)
                case .boolean(let flag): .bool(flag)
                }
        }
        self.init(
            id: "\(epoch)-\(event.number)", time: event.time, kind: event.kind.rawValue, model: event.model,
            data: .dictionary(data))
    }

    /// So many events, of whatever kind, are lost to this client.
    static func missed(_ count: Int) -> EventMessage {
        EventMessage(
            id: nil, time: .now, kind: "missed", model: nil, data: ["reason": "too_slow", "count": .int(count)])
    }

    /// The client knows events of a process that is no more; nobody can tell how many it has not heard.
    static func restarted(epoch: String) -> EventMessage {
        EventMessage(id: "\(epoch)-0", time: .now, kind: "missed", model: nil, data: ["reason": "restarted"])
    }

    /// As a server-sent event.
    var serverSentEvent: String { (id.map { "id: \($0)\n" } ?? "") + "event: \(kind)\ndata: \(json)\n\n" }
}
