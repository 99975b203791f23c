/// Values in messages: strings in quotes, so that white space shows, and what is not there as `none`.
enum Shown {
    static func text(_ value: some Any) -> String {
        if let text = value as? String { return text.debugDescription }
        let mirror = Mirror(reflecting: value)
        guard mirror.displayStyle == .optional else { return "\(value)" }
        return mirror.children.first.map { text($0.value) } ?? "none"
    }
}
