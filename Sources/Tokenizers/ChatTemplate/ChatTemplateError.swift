/// Why a chat template could not be read or rendered.
package enum ChatTemplateError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where in the template: both count from 1, the column in characters.
    package struct Position: Sendable, Equatable, CustomStringConvertible {
        /// The line, from 1.
        package var line: Int
        /// The column, from 1, in Unicode scalars.
        package var column: Int

        /// `line 3, column 14`.
        package var description: String { "line \(line), column \(column)" }
    }

    /// What a template may not have too much of.
    package enum Limit: String, Sendable, Equatable {
        case steps, outputBytes, nesting, stringBytes, items
    }

    /// The template is not well-formed.
    case syntax(String, Position)
    /// The template asks for something impossible, such as an attribute of a value that is not defined.
    case evaluation(String, Position)
    /// The template exceeded a limit of `ChatTemplateLimits`.
    case limit(Limit, String, Position)
    /// The template refuses the conversation: the message that it gave to `raise_exception`.
    case refused(String, Position)

    /// What happened, where, and what can be done.
    package var description: String {
        switch self {
        case .syntax(let message, let position): "Chat template, \(position): \(message)"
        case .evaluation(let message, let position): "Chat template, \(position): \(message)"
        case .limit(_, let message, let position): "Chat template, \(position): \(message)"
        case .refused(let message, let position):
            "The model's chat template refuses this conversation (\(position)): \(message)"
        }
    }
}

/// What one rendering may use. The defaults are far above what a conversation of a million tokens needs.
package struct ChatTemplateLimits: Sendable, Equatable {
    /// Nodes evaluated, items visited, and every 64 bytes that a string operation touches.
    package var steps = 5_000_000
    /// Bytes written, to the prompt or into a variable.
    package var outputBytes = 8 << 20
    /// Calls, statements and expressions in one another.
    package var nesting = 256
    /// Bytes of one string.
    package var stringBytes = 8 << 20
    /// Items of one list, and of one `range`.
    package var items = 100_000

    /// The defaults.
    package init() {}
}

/// A failure inside the interpreter, which knows where it was.
struct TemplateFault: Error {
    enum Kind {
        case evaluation
        case refused
        case limit(ChatTemplateError.Limit)
    }

    var kind = Kind.evaluation
    var message: String

    init(_ message: String) { self.message = message }

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}
