/// Finds the stop strings in a text that comes in pieces, and holds back what could yet become one.
///
/// The stop that begins first is the one that counts; of those that begin at the same place the first in the list. Where
/// a stop is complete and one that would count more may yet be, more text is waited for; so the answer does not depend
/// on how the text was cut. Bytes are compared: "é" as one scalar and as two are different. An automaton over all stops
/// (Aho and Corasick, "Efficient String Matching", 1975) reads each byte once.
package struct StopMatcher: Sendable {
    private let automaton: StopAutomaton
    /// The text that is not visible yet, from `released` on; before it, what has not been thrown away yet.
    private var bytes: [UInt8] = []
    private var released = 0
    /// Bytes of the text that are no longer in `bytes`.
    private var dropped = 0
    private var node = StopAutomaton.root
    /// A stop that is complete, and where in the text it begins.
    private var found: (start: Int, stop: Int)?
    private var isDone = false

    /// The stop string that ended the text. Besides what `append` returns, this is also set by `finish` where the text
    /// ended while one that begins earlier was waited for.
    package private(set) var matched: String?

    /// A matcher at the beginning of a text. The stops are not empty.
    package init(_ stops: [String]) {
        automaton = StopAutomaton(stops)
    }

    /// Reads on.
    ///
    /// - Returns: the text that is now known to precede any stop: whole characters, as long as those of the pieces are.
    ///   With a stop that was found it is all that is left, and nothing follows.
    package mutating func append(_ text: String) -> (visible: String, matched: String?) {
        guard !isDone else { return ("", nil) }
        guard !automaton.isEmpty else { return (text, nil) }
        let end = dropped + bytes.count
        bytes.append(contentsOf: text.utf8)
        for index in (end - dropped)..<bytes.count {
            node = automaton.next(node, bytes[index])
            let position = dropped + index + 1
            if let stop = automaton.longestStop(node) {
                let start = position - automaton.length(ofStop: stop)
                if found.map({ (start, stop) < ($0.start, $0.stop) }) ?? true { found = (start, stop) }
            }
            if let found, !automaton.mayPrecede(start: found.start, stop: found.stop, node, position: position) {
                let visible = finish(at: found)
                return (visible, matched)
            }
        }
        let known = dropped + bytes.count - automaton.heldLength(node)
        return (release(upTo: min(known, found?.start ?? known)), nil)
    }

    /// Ends the text.
    ///
    /// - Returns: what was held back; without a stop string in it, that `matched` names then.
    package mutating func finish() -> String {
        guard !isDone else { return "" }
        if let found { return finish(at: found) }
        isDone = true
        return release(upTo: dropped + bytes.count)
    }

    /// Whether text is held back.
    package var isHolding: Bool { released < bytes.count }

    private mutating func finish(at found: (start: Int, stop: Int)) -> String {
        let visible = release(upTo: found.start)
        isDone = true
        matched = automaton.stops[found.stop]
        bytes = []
        released = 0
        return visible
    }

    private mutating func release(upTo position: Int) -> String {
        let end = position - dropped
        guard end > released else { return "" }
        let visible = String(decoding: bytes[released..<end], as: UTF8.self)
        released = end
        // Thrown away when it is most of the memory, so that each byte is moved about once.
        if released * 2 >= bytes.count {
            bytes.removeFirst(released)
            dropped += released
            released = 0
        }
        return visible
    }
}
