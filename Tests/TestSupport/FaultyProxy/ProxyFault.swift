/// One thing that a `FaultyProxy` does wrong, to the requests that it is about. Whatever is not given is let through
/// as it is, byte for byte.
package struct ProxyFault: Sendable {
    /// What is wrong, in a few words.
    package var name: String
    /// Whether a request is meant.
    package var isMeant: @Sendable (ProxyRequest) -> Bool
    /// Changes the request on its way to the service.
    package var request: (@Sendable (inout ProxyRequest) -> Void)?
    /// Answers from the proxy's own memory; the service is asked only where this is nil.
    package var instead: (@Sendable (ProxyRequest) -> ProxyAnswer?)?
    /// Changes a whole answer. Streams of events are changed by `event`.
    package var answer: (@Sendable (inout ProxyAnswer, ProxyRequest) -> Void)?
    /// What an event of a stream becomes: its text without the empty line at its end, and its number in the stream from
    /// 0. None drops it.
    package var event: (@Sendable (String, Int) -> [String])?
    /// Seconds to wait before the service is asked.
    package var delaySeconds: Double

    /// A fault.
    package init(
        _ name: String, on isMeant: @escaping @Sendable (ProxyRequest) -> Bool,
        request: (@Sendable (inout ProxyRequest) -> Void)? = nil,
        instead: (@Sendable (ProxyRequest) -> ProxyAnswer?)? = nil,
        answer: (@Sendable (inout ProxyAnswer, ProxyRequest) -> Void)? = nil,
        event: (@Sendable (String, Int) -> [String])? = nil, delaySeconds: Double = 0
    ) {
        (self.name, self.isMeant, self.request, self.instead) = (name, isMeant, request, instead)
        (self.answer, self.event, self.delaySeconds) = (answer, event, delaySeconds)
    }

    /// Whether a request is for one of some paths; a path with `*` at its end means all that begin like it.
    package static func path(_ paths: String...) -> @Sendable (ProxyRequest) -> Bool {
        { request in
            paths.contains { path in
                path.hasSuffix("*") ? request.path.hasPrefix(path.dropLast()) : request.path == path
            }
        }
    }
}

/// Changes the JSON object that an event's `data` is; other events, as `[DONE]`, stay as they are.
package func editEvent(_ event: String, _ edit: (inout [String: Any]) -> Void) -> String {
    guard event.hasPrefix("data: {"), var object = jsonObject(Array(event.dropFirst(6).utf8)) else { return event }
    edit(&object)
    return "data: " + (jsonBytes(object).map { String(decoding: $0, as: UTF8.self) } ?? "")
}
