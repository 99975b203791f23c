/// The tags within a sentence: between which of its pieces they stand, and how they come to stand in its translation.
///
/// A token of the translation has the elements of the piece that it translates (as Bergamot does; Bogoychev et al.,
/// "TranslateLocally", 2021). The tokens of a word go together, unless a tag stands within a word of the source.
struct SentenceMarkup: Sendable, Equatable {
    /// An element that may have to be opened more than once: its words need not stay together.
    struct Element: Sendable, Equatable {
        /// The tag that opens it, as the source has it.
        var open: String
        /// The tag that closes it.
        var close: String
    }

    /// What stands between two pieces.
    enum Tag: Sendable, Equatable {
        /// Opens the element of this index.
        case open(Int)
        /// Closes it.
        case close(Int)
        /// Stands alone: a void element, a comment, an element whose content is kept.
        case alone(String)
    }

    /// A tag and its place.
    struct Mark: Sendable, Equatable {
        var tag: Tag
        /// How many pieces stand before it.
        var boundary: Int
        /// It stands between two letters.
        var isWithinWord = false
        /// White space stands before it, or behind it.
        var spaceBefore = false
        var spaceBehind = false
    }

    /// The elements that the indices mean.
    var elements: [Element]
    /// The elements that are open where the sentence begins, outermost first.
    var before: [Int]
    /// In the order of the source.
    var marks: [Mark]
    /// Words of the source that tags stand in, each as often as it is there.
    var words: [String: [WordTags]] = [:]

    /// The translation with its tags, as HTML. Begins with `before` open, and ends with open what the source's end has.
    func place(_ tokens: [AlignedText]) -> String {
        let spans = Spans(self)
        let texts = WordTags.divide(zip(tokens, spans.homes(of: tokens)).map { ($0.text, $1) }, by: words)
        let solitary = spans.solitary(used: texts.map(\.span))
        var writer = Writer(elements: elements, open: before)
        var next = 0
        for (text, span) in texts where !text.isEmpty {
            let due = solitary[next...].prefix { $0.span <= span }
            next += due.count
            writer.write(text, in: spans.stacks[span], after: due)
        }
        for entry in solitary[next...] { writer.write(entry) }
        writer.move(to: spans.stacks[marks.count])
        return writer.html
    }

    /// Something without text of its own that has to stand somewhere.
    private struct Solitary {
        var html: String
        /// The elements around it.
        var stack: [Int]
        /// The span that it stands before.
        var span: Int
        var spaceBefore: Bool
        var spaceBehind: Bool
    }

    /// The runs of pieces between the marks: run k is behind mark k − 1.
    private struct Spans {
        let markup: SentenceMarkup
        /// The elements open in each span.
        let stacks: [[Int]]
        /// Spans that only tags within a word part from one another have the same number.
        let groups: [Int]

        init(_ markup: SentenceMarkup) {
            self.markup = markup
            var stacks = [markup.before]
            var groups = [0]
            for mark in markup.marks {
                var stack = stacks[stacks.count - 1]
                switch mark.tag {
                case .open(let element): stack.append(element)
                case .close(let element): stack.removeAll { $0 == element }
                case .alone: break
                }
                stacks.append(stack)
                groups.append(groups[groups.count - 1] + (mark.isWithinWord ? 0 : 1))
            }
            (self.stacks, self.groups) = (stacks, groups)
        }

        private func span(ofPiece piece: Int) -> Int {
            // The number of marks before it, which are in order.
            var (low, high) = (0, markup.marks.count)
            while low < high {
                let middle = (low + high) / 2
                if markup.marks[middle].boundary <= piece { low = middle + 1 } else { high = middle }
            }
            return low
        }

        /// The span that each token belongs to.
        func homes(of tokens: [AlignedText]) -> [Int] {
            var homes = tokens.map { span(ofPiece: $0.link.piece) }
            for word in Self.words(tokens) {
                var votes: [Int: Float] = [:]
                for index in word { votes[groups[homes[index]], default: 0] += tokens[index].link.share }
                let most = votes.values.max() ?? 0
                guard let group = votes.filter({ $0.value == most }).keys.min() else { continue }
                // A token that looks elsewhere goes with the one before it, or with the word's first that does not.
                var home = word.lazy.map { homes[$0] }.first { groups[$0] == group } ?? homes[word.lowerBound]
                for index in word {
                    if groups[homes[index]] == group { home = homes[index] } else { homes[index] = home }
                }
            }
            return homes
        }

        /// Tokens that go together: letters and digits without anything between, but a hyphen or an apostrophe.
        /// Characters of scripts that write no spaces stand for themselves.
        private static func words(_ tokens: [AlignedText]) -> [Range<Int>] {
            var words: [Range<Int>] = []
            /// The last character, where a word may go on behind it.
            var last: Character?
            for (index, token) in tokens.enumerated() {
                let first = token.text.first
                let goesOn =
                    if let last, let first {
                        joins(first) || connects(first) && joins(last)
                    } else {
                        first == nil
                    }
                if goesOn, let word = words.popLast() {
                    words.append(word.lowerBound..<(index + 1))
                } else {
                    words.append(index..<(index + 1))
                }
                guard let end = token.text.last else { continue }
                let isWord =
                    joins(end) || connects(end) && (last != nil || token.text.dropLast().last.map(joins) == true)
                last = isWord ? end : nil
            }
            return words
        }

        /// What stands alone, and elements that no token belongs to, with what they hold: in the source's order.
        func solitary(used homes: [Int]) -> [Solitary] {
            let used = homes.reduce(into: Set<Int>()) { $0.formUnion(stacks[$1]) }
            let closed = Set(
                markup.marks.compactMap { mark in
                    if case .close(let element) = mark.tag { element } else { nil }
                })
            var result: [Solitary] = []
            /// Elements without text that are open.
            var unused: [Int] = []
            for (index, mark) in markup.marks.enumerated() {
                var html: String
                switch mark.tag {
                case .alone(let text): html = text
                case .open(let element):
                    guard closed.contains(element), !used.contains(element) else { continue }
                    html = markup.elements[element].open
                case .close(let element):
                    guard unused.contains(element) else { continue }
                    html = markup.elements[element].close
                }
                if unused.isEmpty {
                    result.append(
                        Solitary(
                            html: html, stack: stacks[index], span: index + 1, spaceBefore: mark.spaceBefore,
                            spaceBehind: mark.spaceBehind))
                } else {
                    result[result.count - 1].html += html
                    result[result.count - 1].spaceBehind = mark.spaceBehind
                }
                switch mark.tag {
                case .open(let element): unused.append(element)
                case .close(let element): unused.removeAll { $0 == element }
                case .alone: break
                }
            }
            return result
        }
    }

    /// Whether a character makes one word with those beside it.
    static func joins(_ character: Character) -> Bool {
        guard character.isLetter || character.isNumber, let scalar = character.unicodeScalars.first else {
            return false
        }
        return !scalar.properties.isIdeographic && !standsForItself.contains { $0.contains(scalar.value) }
    }

    /// Whether a character between letters leaves them one word.
    private static func connects(_ character: Character) -> Bool { "-'’\u{2010}\u{2011}".contains(character) }

    /// Thai, Lao, Tibetan, Myanmar, Khmer, and the Japanese syllabaries.
    private static let standsForItself: [ClosedRange<UInt32>] = [
        0x0E00...0x0FFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3040...0x30FF,
    ]

    /// Writes text and the tags between.
    private struct Writer {
        let elements: [Element]
        var open: [Int]
        var html = ""

        mutating func move(to stack: [Int]) {
            close(for: stack)
            for element in stack.dropFirst(open.count) { html += elements[element].open }
            open = stack
        }

        /// Closes what `stack` does not have.
        private mutating func close(for stack: [Int]) {
            let common = zip(open, stack).prefix { $0 == $1 }.count
            for element in open.dropFirst(common).reversed() { html += elements[element].close }
            open.removeLast(open.count - common)
        }

        /// Writes text in the elements of `stack`; white space at its beginning stands outside of those that begin.
        mutating func write(_ text: String, in stack: [Int], after solitary: ArraySlice<Solitary>) {
            let space = text.prefix(while: \.isWhitespace)
            if let first = solitary.first {
                if first.spaceBefore {
                    close(for: first.stack)
                    html += space.isEmpty ? " " : space
                }
                for entry in solitary { write(entry) }
                if !first.spaceBefore || solitary.last?.spaceBehind == true {
                    close(for: stack)
                    html += space
                }
            } else {
                close(for: stack)
                html += space
            }
            move(to: stack)
            html += HTMLEntities.escaped(text.dropFirst(space.count))
        }

        mutating func write(_ entry: Solitary) {
            move(to: entry.stack)
            html += entry.html
        }
    }
}
