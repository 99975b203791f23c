/// Follows the JSON of one call as it is written, without waiting for its end: which function it names, and which
/// bytes are its arguments.
struct ToolCallScanner {
    /// Where the scan is.
    enum Outcome: Equatable {
        /// So far it can still become a call.
        case open
        /// The object has been closed.
        case complete
        /// This is no call.
        case hopeless
    }

    private enum Place { case beforeKey, inKey, beforeColon, beforeValue, inValue, afterValue }

    /// The bytes of the object so far.
    private(set) var bytes: [UInt8] = []
    /// The function's name, once its string is closed.
    private(set) var name: String?
    /// The bytes of the arguments, as far as they have come, once they have begun as an object.
    private(set) var arguments: Range<Int>?
    private(set) var outcome = Outcome.open
    private var place = Place.beforeKey
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var start = 0
    private var key = ""

    /// Keys that calls have, in any family. An object with another key is an answer in JSON.
    private static let keys: Set<String> = ["name", "arguments", "parameters", "id", "type"]

    /// Takes the next byte. The first must be the opening brace.
    mutating func take(_ byte: UInt8) {
        guard outcome == .open else { return }
        bytes.append(byte)
        if isInString {
            takeInString(byte)
        } else {
            takeOutside(byte)
        }
    }

    private mutating func takeInString(_ byte: UInt8) {
        if isEscaped {
            isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
            isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
            isInString = false
            guard depth == 1 else { return }
            let text = String(decoding: bytes[(start + 1)..<(bytes.count - 1)], as: UTF8.self)
            if place == .inKey {
                key = text
                place = .beforeColon
                if !Self.keys.contains(key) { outcome = .hopeless }
            } else {
                if key == "name" { name = text }
                place = .afterValue
            }
        }
    }

    private mutating func takeOutside(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["): open(byte)
        case UInt8(ascii: "}"), UInt8(ascii: "]"): close()
        case UInt8(ascii: "\""):
            isInString = true
            start = bytes.count - 1
            guard depth == 1 else { return }
            switch place {
            case .beforeKey: place = .inKey
            case .beforeValue: beginValue(byte)
            default: outcome = .hopeless
            }
        case UInt8(ascii: ":"):
            guard depth == 1 else { return }
            if place == .beforeColon { place = .beforeValue } else { outcome = .hopeless }
        case UInt8(ascii: ","):
            guard depth == 1 else { return }
            if place == .afterValue || place == .inValue { place = .beforeKey } else { outcome = .hopeless }
        case 0x20, 0x09, 0x0a, 0x0d: break
        case _ where "-+.0123456789eEtrufalsn".utf8.contains(byte):
            guard depth == 1 else { return }
            if place == .beforeValue { beginValue(byte) } else if place != .inValue { outcome = .hopeless }
        default: outcome = .hopeless
        }
    }

    private mutating func open(_ byte: UInt8) {
        if depth == 0, byte != UInt8(ascii: "{") { outcome = .hopeless }
        if depth == 1 {
            guard place == .beforeValue else { return outcome = .hopeless }
            beginValue(byte)
        }
        depth += 1
    }

    private mutating func close() {
        depth -= 1
        if depth == 1 {
            place = .afterValue
        } else if depth <= 0 {
            outcome = .complete
        }
        if let arguments, depth >= 1 { self.arguments = arguments.lowerBound..<argumentsEnd(arguments) }
    }

    private mutating func beginValue(_ byte: UInt8) {
        place = .inValue
        switch key {
        case "arguments", "parameters":
            guard byte == UInt8(ascii: "{"), arguments == nil else { return outcome = .hopeless }
            arguments = (bytes.count - 1)..<Int.max
        case "name": if byte != UInt8(ascii: "\"") || name != nil { outcome = .hopeless }
        default: break
        }
    }

    private func argumentsEnd(_ range: Range<Int>) -> Int {
        range.upperBound == .max && depth == 1 ? bytes.count : range.upperBound
    }

    /// The arguments as far as they have come.
    var argumentsSoFar: ArraySlice<UInt8> {
        guard let arguments else { return [] }
        return bytes[arguments.lowerBound..<min(arguments.upperBound, bytes.count)]
    }
}
