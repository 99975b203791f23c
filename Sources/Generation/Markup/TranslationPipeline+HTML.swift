internal import Tokenizers

extension TranslationPipeline {
    /// Takes HTML apart: its runs of text as `plan` does, and with each sentence the tags that stand in it.
    package func plan(html: String, _ direction: TranslationDirection = TranslationDirection()) -> Plan {
        let document = HTMLDocument(html)
        var plan = Plan()
        plan.direction = direction
        plan.isHTML = true
        var planner = RunPlanner(document: document, splitter: splitter(direction))
        for item in document.items {
            switch item {
            case .markup(let markup): planner.gap += markup
            case .run(let run):
                planner.begin(run)
                while let sentence = planner.next() {
                    let gap = planner.takeGap(before: sentence)
                    let markup = planner.markup(within: sentence)
                    let read = append(Self.flowing(sentence.text), gap: gap, to: &plan) {
                        planner.source(sentence.range, markup.tags)
                    }
                    if let read, !markup.tags.isEmpty {
                        let places = PieceBoundaries(
                            sentence: sentence.text, read: read.text, pieces: read.pieces.count, tokenizer)
                        plan.parts[plan.parts.count - 1].markup = SentenceMarkup(
                            elements: document.elements, before: markup.before,
                            marks: markup.tags.map { places.mark($0.tag, at: $0.offset - sentence.range.lowerBound) },
                            words: WordTags.words(
                                of: sentence.text, markup.tags.map { $0.offset - sentence.range.lowerBound }))
                    }
                }
                planner.end()
            }
        }
        plan.trailing = planner.gap
        return plan
    }

    /// A sentence with single spaces: lines of HTML break anywhere.
    private static func flowing(_ sentence: String) -> String {
        sentence.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}

/// Goes through runs sentence by sentence, and keeps what stands between for the next sentence.
private struct RunPlanner {
    struct Sentence {
        var text: String
        /// Its bytes in the run.
        var range: Range<Int>
    }

    let document: HTMLDocument
    let splitter: SentenceSplitter
    /// What stands before the next sentence, as HTML.
    var gap = ""
    private var run = HTMLDocument.Run()
    private var sentences: [Sentence] = []
    private var nextSentence = 0
    private var nextTag = 0
    private var position = 0
    /// The elements that are open, outermost first.
    private var open: [Int] = []

    init(document: HTMLDocument, splitter: SentenceSplitter) {
        (self.document, self.splitter) = (document, splitter)
    }

    mutating func begin(_ run: HTMLDocument.Run) {
        self.run = run
        (nextSentence, nextTag, position) = (0, 0, 0)
        // As many bytes as before, so that places stay what they are.
        let flowing = run.keepsLines ? run.text : run.text.map { (0x09...0x0D).contains($0) ? 0x20 : $0 }
        var end = 0
        sentences = splitter.split(String(decoding: flowing, as: UTF8.self)).segments.map { segment in
            let start = end + segment.gap.utf8.count
            end = start + segment.text.utf8.count
            return Sentence(text: segment.text, range: start..<end)
        }
    }

    mutating func next() -> Sentence? {
        guard nextSentence < sentences.count else { return nil }
        nextSentence += 1
        return sentences[nextSentence - 1]
    }

    /// What stands before a sentence: white space, and the tags up to its first character.
    mutating func takeGap(before sentence: Sentence) -> String {
        let tags = takeTags { $0 <= sentence.range.lowerBound }
        gap += source(position..<sentence.range.lowerBound, tags)
        position = sentence.range.upperBound
        defer { gap = "" }
        return gap
    }

    /// The tags between a sentence's characters, and the elements that are open where it begins.
    mutating func markup(
        within sentence: Sentence
    ) -> (before: [Int], tags: [(offset: Int, tag: SentenceMarkup.Tag)]) {
        let before = open
        return (before, takeTags { $0 < sentence.range.upperBound })
    }

    /// Keeps what is left of the run for the next sentence.
    mutating func end() {
        let tags = takeTags { _ in true }
        gap += source(position..<run.text.count, tags)
    }

    private mutating func takeTags(_ isTaken: (Int) -> Bool) -> [(offset: Int, tag: SentenceMarkup.Tag)] {
        let first = nextTag
        while nextTag < run.tags.count, isTaken(run.tags[nextTag].offset) {
            switch run.tags[nextTag].tag {
            case .open(let element): open.append(element)
            case .close(let element): open.removeAll { $0 == element }
            case .alone: break
            }
            nextTag += 1
        }
        return Array(run.tags[first..<nextTag])
    }

    /// A part of the run as HTML, with the tags that stand in it.
    func source(_ range: Range<Int>, _ tags: [(offset: Int, tag: SentenceMarkup.Tag)]) -> String {
        var html = ""
        var start = range.lowerBound
        for (offset, tag) in tags {
            html += text(start..<offset)
            start = offset
            switch tag {
            case .open(let element): html += document.elements[element].open
            case .close(let element): html += document.elements[element].close
            case .alone(let markup): html += markup
            }
        }
        return html + text(start..<range.upperBound)
    }

    private func text(_ range: Range<Int>) -> String {
        HTMLEntities.escaped(String(decoding: run.text[range], as: UTF8.self))
    }
}
