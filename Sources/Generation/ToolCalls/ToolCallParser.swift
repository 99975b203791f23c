internal import Tokenizers

/// What a model's text turns out to be.
package enum ToolCallEvent: Sendable, Equatable {
    /// Text for the reader.
    case content(String)
    /// A call of a function begins. Calls count from 0.
    case call(index: Int, name: String)
    /// A piece of the call's arguments, which together are a JSON object.
    case arguments(index: Int, String)
}

/// Finds the calls of functions in the text of a model as it comes.
///
/// What is not a whole, well-formed call of a known function stays text, marks and all: a model that fumbles must
/// neither fail the request nor lose what it wrote. So a call is held back until it is whole; where a grammar has made
/// sure of its form (`isEnforced`), its arguments are passed on as they come.
package struct ToolCallParser: Sendable {
    private enum State {
        /// Before calls, or between them and more text.
        case text
        /// After the opening mark, or inside a list of calls: an object or the list's bracket comes next.
        case beforeCall
        case inCall
        /// After an object: a separator, the end of the list, or the closing mark.
        case afterCall
    }

    private let format: ToolCallFormat
    private let names: Set<String>
    private let isEnforced: Bool
    private let mostCalls: Int
    private var state = State.text
    /// Text that has not become anything yet.
    private var pending: [UInt8] = []
    /// From the opening mark on: what becomes text again if no call comes of it.
    private var consumed: [UInt8] = []
    private var scanner = ToolCallScanner()
    private var hasSeenText = false
    private var isInList = false
    private var hasBegun = false
    private var passedArguments = 0
    /// How many calls there were.
    package private(set) var callCount = 0

    /// A parser of one answer.
    ///
    /// - Parameters:
    ///   - format: how the model writes calls.
    ///   - names: the functions that it may call.
    ///   - isEnforced: whether the answer was made by `ToolCallFormat.grammar`.
    ///   - allowsSeveral: whether more than one call is wanted; the others are left out if not.
    package init(format: ToolCallFormat, names: [String], isEnforced: Bool = false, allowsSeveral: Bool = true) {
        self.format = format
        self.names = Set(names)
        self.isEnforced = isEnforced
        mostCalls = allowsSeveral ? .max : 1
        // An enforced answer may lack the marks, where those are control tokens; it is calls from the first byte.
        if isEnforced { state = .beforeCall }
    }

    /// Takes the next piece of text.
    package mutating func add(_ text: String) -> [ToolCallEvent] {
        var events: [ToolCallEvent] = []
        pending += text.utf8
        var progress = true
        while progress, !pending.isEmpty {
            switch state {
            case .text: progress = readText(&events)
            case .beforeCall: progress = readBeforeCall(&events)
            case .inCall: progress = readCall(&events)
            case .afterCall: progress = readAfterCall(&events)
            }
        }
        return events
    }

    /// Says that nothing more comes: what was held back is text after all.
    package mutating func finish() -> [ToolCallEvent] {
        var events: [ToolCallEvent] = []
        if state == .text || state == .beforeCall || (state == .inCall && !hasBegun) {
            emit(consumed + (state == .inCall ? scanner.bytes : []) + pending, &events)
        }
        (consumed, pending, state) = ([], [], .text)
        return events
    }

    // MARK: Steps; each says whether there is more to do with what is pending.

    private mutating func readText(_ events: inout [ToolCallEvent]) -> Bool {
        guard let opening = format.opening else { return readBareText(&events) }
        let mark = Array(opening.utf8)
        if let place = Self.find(mark, in: pending) {
            var end = place
            while end > 0, Self.isSpace(pending[end - 1]) { end -= 1 }
            emit(Array(pending[..<end]), &events)
            consumed = Array(pending[end..<(place + mark.count)])
            pending.removeFirst(place + mark.count)
            (state, isInList) = (.beforeCall, false)
            return true
        }
        // What could be the beginning of the mark waits, and the white space before it.
        var keep = min(mark.count - 1, pending.count)
        while keep > 0, !mark.starts(with: pending.suffix(keep)) { keep -= 1 }
        while keep < pending.count, Self.isSpace(pending[pending.count - keep - 1]) { keep += 1 }
        emit(Array(pending.dropLast(keep)), &events)
        pending = Array(pending.suffix(keep))
        return false
    }

    /// Without a mark, an answer is a call if it begins like one.
    private mutating func readBareText(_ events: inout [ToolCallEvent]) -> Bool {
        guard !hasSeenText else {
            emit(pending, &events)
            pending = []
            return false
        }
        let tag = Array("<|python_tag|>".utf8)
        let spaces = pending.prefix(while: Self.isSpace).count
        let rest = pending.dropFirst(spaces)
        if rest.isEmpty || (rest.count < tag.count && tag.starts(with: rest)) { return false }
        let mark = rest.starts(with: tag) ? tag.count : 0
        if mark > 0 || rest.first == UInt8(ascii: "{") {
            consumed = Array(pending.prefix(spaces + mark))
            pending.removeFirst(spaces + mark)
            state = .beforeCall
        } else {
            hasSeenText = true
        }
        return true
    }

    private mutating func readBeforeCall(_ events: inout [ToolCallEvent]) -> Bool {
        skipSpaces()
        guard let byte = pending.first else { return false }
        if byte == UInt8(ascii: "["), !isInList, format != .bareObject, !isMark(byte) {
            consumed.append(pending.removeFirst())
            isInList = true
        } else if byte == UInt8(ascii: "{") {
            (scanner, hasBegun, passedArguments) = (ToolCallScanner(), false, 0)
            state = .inCall
        } else if isEnforced, callCount == 0, let opening = format.opening {
            let mark = Array(opening.utf8)
            guard pending.count >= mark.count else {
                if mark.starts(with: pending) { return false }
                return giveUp(&events)
            }
            guard pending.starts(with: mark) else { return giveUp(&events) }
            consumed += mark
            pending.removeFirst(mark.count)
        } else {
            return giveUp(&events)
        }
        return true
    }

    /// Whether a bracket is the beginning of an enforced answer's mark rather than of the list.
    private func isMark(_ byte: UInt8) -> Bool {
        guard isEnforced, callCount == 0, let mark = format.opening?.utf8, mark.first == byte else { return false }
        let next = pending.dropFirst().first { !Self.isSpace($0) }
        return next == nil || next == mark.dropFirst().first
    }

    private mutating func readCall(_ events: inout [ToolCallEvent]) -> Bool {
        var count = 0
        for byte in pending {
            scanner.take(byte)
            count += 1
            if scanner.outcome != .open { break }
        }
        pending.removeFirst(count)
        switch scanner.outcome {
        case .open:
            if isEnforced { passOn(&events) }
            return false
        case .hopeless:
            // Of an enforced call, what has been passed on cannot be taken back; a grammar keeps this from happening.
            if hasBegun { return skipRest() }
            consumed += scanner.bytes
            return giveUp(&events)
        case .complete:
            guard hasBegun || isCall else {
                consumed += scanner.bytes
                return giveUp(&events)
            }
            passOn(&events)
            callCount += 1
            (consumed, state) = ([], .afterCall)
            return true
        }
    }

    /// Whether what was read is a call of a known function.
    private var isCall: Bool {
        guard let name = scanner.name, names.contains(name) else { return false }
        return (try? TemplateValue(json: String(decoding: scanner.bytes, as: UTF8.self))) != nil
    }

    private mutating func passOn(_ events: inout [ToolCallEvent]) {
        guard callCount < mostCalls, let name = scanner.name, names.contains(name) else { return }
        // A call may come without arguments.
        let isWhole = scanner.outcome == .complete
        guard scanner.arguments != nil || isWhole else { return }
        if !hasBegun {
            hasBegun = true
            events.append(.call(index: callCount, name: name))
        }
        let arguments = scanner.arguments == nil ? ArraySlice("{}".utf8) : scanner.argumentsSoFar
        let piece = arguments.dropFirst(passedArguments)
        if !piece.isEmpty {
            events.append(.arguments(index: callCount, String(decoding: piece, as: UTF8.self)))
            passedArguments = arguments.count
        }
    }

    private mutating func readAfterCall(_ events: inout [ToolCallEvent]) -> Bool {
        skipSpaces()
        guard let byte = pending.first else { return false }
        if isInList, byte == UInt8(ascii: ",") {
            consumed.append(pending.removeFirst())
            state = .beforeCall
            return true
        }
        if isInList, byte == UInt8(ascii: "]") {
            pending.removeFirst()
            isInList = false
            return true
        }
        if format == .bareObject {
            return readAfterBareCall(byte)
        }
        // The closing mark, which models forget at the end; another opening one is read as text is.
        if let closing = format.closing.map({ Array($0.utf8) }) {
            if pending.count < closing.count, closing.starts(with: pending) { return false }
            if pending.starts(with: closing) { pending.removeFirst(closing.count) }
        }
        (consumed, state) = ([], .text)
        return true
    }

    private mutating func readAfterBareCall(_ byte: UInt8) -> Bool {
        if byte == UInt8(ascii: ";") {
            pending.removeFirst()
        } else {
            hasSeenText = byte != UInt8(ascii: "{")
            (consumed, state) = ([], .text)
        }
        return true
    }

    // MARK: Parts

    /// No call comes of what was read since the mark.
    private mutating func giveUp(_ events: inout [ToolCallEvent]) -> Bool {
        emit(consumed, &events)
        (consumed, state, hasSeenText) = ([], .text, true)
        return true
    }

    private mutating func skipRest() -> Bool {
        pending = []
        return false
    }

    private mutating func skipSpaces() {
        let count = pending.prefix(while: Self.isSpace).count
        consumed += pending.prefix(count)
        pending.removeFirst(count)
    }

    private mutating func emit(_ bytes: [UInt8], _ events: inout [ToolCallEvent]) {
        // Between calls, and after them, white space is the format's and not the reader's.
        let isLayout = callCount > 0 && bytes.allSatisfy(Self.isSpace)
        guard !bytes.isEmpty, !isLayout else { return }
        if bytes.contains(where: { !Self.isSpace($0) }) { hasSeenText = true }
        events.append(.content(String(decoding: bytes, as: UTF8.self)))
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

    private static func find(_ mark: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= mark.count else { return nil }
        return (0...(bytes.count - mark.count)).first { bytes[$0...].starts(with: mark) }
    }
}
