internal import Hummingbird

/// JSON written as it is told, for the answers that are asked for thousands of times a second: an encoder that finds out
/// how a type is made takes longer to write them than all else that is done for their requests.
struct JSONWriter {
    private var text = ""
    /// Whether something stands before what comes next, in the same object or array.
    private var isFollowed = false

    init() { text.reserveCapacity(256) }

    /// What was written.
    var buffer: ByteBuffer { ByteBuffer(string: text) }

    mutating func string(_ value: String) {
        separate()
        JSONText.append(value, to: &text)
    }

    mutating func integer(_ value: Int) {
        separate()
        text += String(value)
    }

    /// A finite number, a whole one without a fraction.
    mutating func number(_ value: Double) {
        separate()
        text += value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : value.description
    }

    mutating func object(_ members: (inout JSONWriter) -> Void) { enclose("{", "}", members) }

    mutating func array<Item>(_ items: [Item], _ write: (inout JSONWriter, Item) -> Void) {
        enclose("[", "]") { writer in for item in items { write(&writer, item) } }
    }

    /// The name of a member; its value is what is written next.
    mutating func key(_ name: String) {
        string(name)
        text += ":"
        isFollowed = false
    }

    mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    mutating func member(_ name: String, _ value: Int) {
        key(name)
        integer(value)
    }

    mutating func member(_ name: String, _ value: Double) {
        key(name)
        number(value)
    }

    private mutating func enclose(_ open: String, _ close: String, _ body: (inout JSONWriter) -> Void) {
        separate()
        text += open
        isFollowed = false
        body(&self)
        text += close
        isFollowed = true
    }

    private mutating func separate() {
        if isFollowed { text += "," }
        isFollowed = true
    }
}
