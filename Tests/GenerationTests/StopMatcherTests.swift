import Generation
import Testing

/// Stop strings in a text that comes in pieces.
@Suite struct StopMatcherTests {
    /// What the definition says of the whole text.
    static func reference(_ text: String, _ stops: [String]) -> (visible: [UInt8], matched: String?) {
        let bytes = Array(text.utf8)
        for start in bytes.indices {
            for stop in stops where bytes[start...].starts(with: stop.utf8) { return (Array(bytes[..<start]), stop) }
        }
        return (bytes, nil)
    }

    /// The longest end of a text that is a proper prefix of a stop.
    static func held(_ text: String, _ stops: [String]) -> Int {
        let bytes = Array(text.utf8)
        return stops.flatMap { stop in
            (0..<stop.utf8.count).filter { bytes.suffix($0).elementsEqual(stop.utf8.prefix($0)) && $0 <= bytes.count }
        }.max() ?? 0
    }

    static func pieces(_ text: String, using numbers: inout TestNumbers, longest: Int) -> [String] {
        var (pieces, piece) = ([String](), String.UnicodeScalarView())
        var left = Int.random(in: 0...longest, using: &numbers)
        for scalar in text.unicodeScalars {
            while left == 0 {
                pieces.append(String(piece))
                piece = .init()
                left = Int.random(in: 0...longest, using: &numbers)
            }
            piece.append(scalar)
            left -= 1
        }
        return pieces + [String(piece)]
    }

    @Test(arguments: ["ab", "abc", "aé", "é\u{301}e", "日本a", "😀😁👩\u{200d}", "\r\n "])
    func equalsTheDefinitionHoweverTheTextIsCut(
        alphabet: String
    ) {
        var numbers = TestNumbers(state: UInt64(alphabet.utf8.count) * 77)
        let letters = Array(alphabet.unicodeScalars)
        func word(_ lengths: ClosedRange<Int>) -> String {
            var word = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: lengths, using: &numbers) {
                word.append(letters.randomElement(using: &numbers)!)
            }
            return String(word)
        }
        var matches = 0
        for _ in 0..<1500 {
            let stops = (0..<Int.random(in: 1...5, using: &numbers)).map { _ in word(1...7) }
            let text = word(0...30)
            let expected = Self.reference(text, stops)
            var matcher = StopMatcher(stops)
            var (visible, read) = ([UInt8](), "")
            var matched: String?
            for piece in Self.pieces(text, using: &numbers, longest: 4) {
                let result = matcher.append(piece)
                visible += result.visible.utf8
                #expect(!result.visible.unicodeScalars.contains("\u{fffd}"))
                if matched == nil { read.unicodeScalars.append(contentsOf: piece.unicodeScalars) }
                matched = matched ?? result.matched
                if matched == nil {
                    // Nothing more is held back than a stop could go on from, unless a later one is complete already.
                    let length = Self.held(read, stops)
                    if Self.reference(read, stops).matched == nil { #expect(visible.count == read.utf8.count - length) }
                    #expect(matcher.isHolding == (visible.count < read.utf8.count))
                }
            }
            visible += matcher.finish().utf8
            #expect(visible == expected.visible, "\(stops) in \(text)")
            #expect(matcher.matched.map { Array($0.utf8) } == expected.matched.map { Array($0.utf8) })
            #expect(matched == nil || Array(matched!.utf8) == expected.matched.map { Array($0.utf8) })
            #expect(!matcher.isHolding && matcher.append("more").visible.isEmpty && matcher.finish().isEmpty)
            matches += expected.matched == nil ? 0 : 1
        }
        #expect(matches > 100)
    }

    @Test func aStopSplitOverPiecesIsFoundAndTheRestSwallowed() {
        var matcher = StopMatcher(["stopper"])
        #expect(matcher.append("go sto") == ("go ", nil))
        #expect(matcher.isHolding)
        #expect(matcher.append("p") == ("", nil))
        #expect(matcher.append("per and on") == ("", "stopper"))
        #expect(!matcher.isHolding)
        #expect(matcher.append("more") == ("", nil))
        #expect(matcher.finish() == "")
    }

    @Test func whatProvesHarmlessIsShownAtOnce() {
        var matcher = StopMatcher(["aab", "###"])
        #expect(matcher.append("aa") == ("", nil))
        #expect(matcher.append("a") == ("a", nil))
        #expect(matcher.append("x##") == ("aax", nil))
        #expect(matcher.append(" ") == ("## ", nil))
        #expect(matcher.append("aaab") == ("a", "aab"))
    }

    @Test func theEarliestStopCountsThenTheFirstOfTheList() {
        var longer = StopMatcher(["bc", "abcd"])
        #expect(longer.append("xabc") == ("x", nil))
        #expect(longer.append("d") == ("", "abcd"))
        var shorter = StopMatcher(["bc", "abcd"])
        #expect(shorter.append("xabc") == ("x", nil))
        #expect(shorter.append("e") == ("a", "bc"))
        var ended = StopMatcher(["bc", "abcd"])
        #expect(ended.append("xabc") == ("x", nil))
        #expect(ended.finish() == "a")
        #expect(ended.matched == "bc")
        // A stop that is first in the list is not waited past.
        var lines = StopMatcher(["\n", "\n\n"])
        #expect(lines.append("a\n") == ("a", "\n"))
        var twice = StopMatcher(["\n\n", "\n"])
        #expect(twice.append("a\n") == ("a", nil))
        #expect(twice.append("b") == ("", "\n"))
    }

    @Test func bytesAreComparedNotCharacters() {
        var matcher = StopMatcher(["e\u{301}", "\n", "👩"])
        #expect(matcher.append("\u{e9}") == ("\u{e9}", nil))
        // "\r\n" is one character to a string, and holds the stop nevertheless.
        #expect(matcher.append("\r\n") == ("\r", "\n"))
        var family = StopMatcher(["👩"])
        #expect(family.append("x👩\u{200d}👧") == ("x", "👩"))
        var accent = StopMatcher(["e"])
        #expect(accent.append("e\u{301}") == ("", "e"))
    }

    @Test func withoutStopsTextPassesThrough() {
        var matcher = StopMatcher([])
        #expect(matcher.append("any\u{0}thing 😀") == ("any\u{0}thing 😀", nil))
        #expect(!matcher.isHolding && matcher.finish() == "")
    }

    /// Repetitive text against long stops: seconds if each place were compared anew.
    @Test func longStopsInRepetitiveTextTakeLinearTime() {
        let long = String(repeating: "a", count: 20000)
        var matcher = StopMatcher([long + "b", String(repeating: "ab", count: 10000) + "c"])
        var shown = 0
        let clock = ContinuousClock()
        let time = clock.measure {
            for _ in 0..<200_000 { shown += matcher.append("a").visible.utf8.count }
        }
        #expect(shown == 180_000)
        #expect(time < .seconds(2))
        #expect(matcher.append("b").matched == long + "b")
    }

    @Test func manyStopsAreFound() {
        let stops = (0..<3000).map { "<\($0)>" }
        for index in [0, 1, 1500, 2999] {
            var matcher = StopMatcher(stops)
            #expect(matcher.append("text <\(index)") == ("text ", nil))
            #expect(matcher.append("> on").matched == "<\(index)>")
        }
    }

    @Test func anEmptyStopIsRefused() async {
        await #expect(processExitsWith: .failure) { _ = StopMatcher(["a", ""]) }
    }
}
