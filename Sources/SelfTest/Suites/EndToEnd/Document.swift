/// A JSON value of an answer together with what shows where it came from: a look at what is not there, or is of another
/// kind, fails the case with the path, what stands in its place, and the raw exchange.
struct Document: Sendable, CustomStringConvertible {
    /// A step into a value: a key of an object, or an index of an array.
    enum Step: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
        case key(String)
        case index(Int)

        init(stringLiteral value: String) { self = .key(value) }
        init(integerLiteral value: Int) { self = .index(value) }
    }

    let value: JSONView
    let evidence: [String]

    var description: String { value.description }

    /// A failure that is about this value.
    func failure(_ message: String) -> CaseFailure { CaseFailure(message, evidence: evidence) }

    /// Fails unless the condition holds.
    func expect(_ condition: Bool, _ message: @autoclosure () throws -> String) throws {
        if !condition { throw failure(try message()) }
    }

    /// Fails, showing both, unless two values are equal.
    func equal<Value: Equatable>(_ found: Value, _ expected: Value, _ what: String) throws {
        if found != expected { throw failure("\(what): expected \(Shown.text(expected)), found \(Shown.text(found))") }
    }

    private func at(_ steps: [Step]) -> JSONView {
        steps.reduce(value) { value, step in
            switch step {
            case .key(let key): value[key]
            case .index(let index): value[index]
            }
        }
    }

    private func read<Result>(_ steps: [Step], _ look: (JSONView) throws -> Result) throws -> Result {
        do {
            return try look(at(steps))
        } catch var failure as CaseFailure {
            failure.evidence += evidence
            throw failure
        }
    }

    /// What is at a path; nil where nothing is, or null.
    func find(_ steps: Step...) -> Document? {
        let found = at(steps)
        return found.exists ? Document(value: found, evidence: evidence) : nil
    }

    /// What is at a path.
    func at(_ steps: Step...) throws -> Document {
        try read(steps) { found in
            if found.exists { return Document(value: found, evidence: evidence) }
            throw found.mismatch("a value")
        }
    }

    /// Whether a key is there and holds null.
    func isNull(_ key: String) -> Bool { value[key].isNull }

    /// Whether a key is there, null or not.
    func has(_ key: String) -> Bool { !value[key].isMissing }

    func string(_ steps: Step...) throws -> String { try read(steps) { try $0.string } }
    func number(_ steps: Step...) throws -> Double { try read(steps) { try $0.double } }
    func int(_ steps: Step...) throws -> Int { try read(steps) { try $0.int } }
    func bool(_ steps: Step...) throws -> Bool { try read(steps) { try $0.bool } }
    func strings(_ steps: Step...) throws -> [String] { try read(steps) { try $0.array.map { try $0.string } } }
    func numbers(_ steps: Step...) throws -> [Double] { try read(steps) { try $0.array.map { try $0.double } } }
    func keys(_ steps: Step...) throws -> [String] { try read(steps) { try $0.keys.sorted() } }

    func array(_ steps: Step...) throws -> [Document] {
        try read(steps) { try $0.array.map { Document(value: $0, evidence: evidence) } }
    }

    func object(_ steps: Step...) throws -> [String: Document] {
        try read(steps) { try $0.object.mapValues { Document(value: $0, evidence: evidence) } }
    }
}
