/// HTML taken apart: runs of text that a reader reads as one, with the tags in them, and the markup between, which is
/// copied.
package struct HTMLDocument: Sendable {
    /// Text with tags in it: a paragraph, a heading, a cell.
    struct Run: Sendable {
        /// The characters, references resolved.
        var text: [UInt8] = []
        /// The tags, in order, each with its place in `text`.
        var tags: [(offset: Int, tag: SentenceMarkup.Tag)] = []
        /// Line breaks are line breaks, as in `pre`; elsewhere they are spaces.
        var keepsLines = false
    }

    /// A piece of the document.
    enum Item: Sendable {
        case run(Run)
        case markup(String)
    }

    /// In the order of the document.
    private(set) var items: [Item] = []
    /// The elements that the tags of runs open and close.
    private(set) var elements: [SentenceMarkup.Element] = []

    /// Elements that a sentence runs through.
    private static let inline: Set<String> = [
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "data", "del", "dfn", "em", "font", "i", "img", "ins",
        "label", "mark", "output", "q", "ruby", "s", "small", "span", "strike", "strong", "sub", "sup", "time", "tt",
        "u", "wbr",
    ]
    /// Elements without content.
    private static let void: Set<String> = [
        "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link",
        "meta", "param", "source", "track", "wbr",
    ]
    /// Elements whose content is nobody's language.
    private static let kept: Set<String> = ["code", "kbd", "math", "samp", "script", "style", "svg", "template", "var"]
    /// Of these, those whose content is no HTML.
    private static let raw: Set<String> = ["script", "style"]

    /// Elements within one another that a translation may close and open again; those within are copied where they are.
    private static let deepest = 64

    /// The inline elements that are open.
    private struct Open {
        private(set) var names: [String] = []
        /// Of `HTMLDocument.elements`.
        private var elements: [Int] = []

        mutating func push(_ name: String, _ element: Int) {
            names.append(name)
            elements.append(element)
        }

        /// Ends the element of this name that was opened last. What was opened within it goes on, as browsers have it
        /// of elements that cross.
        mutating func end(_ name: String) -> Int? {
            guard let place = names.lastIndex(of: name) else { return nil }
            names.remove(at: place)
            return elements.remove(at: place)
        }
    }

    /// Takes a document, or a part of one, apart. Whatever is wrong with it stays wrong in the same way: a tag that closes
    /// nothing is copied, an element that is not closed stays open.
    package init(_ html: String) {
        let bytes = Array(html.utf8)
        var scanner = HTMLScanner(bytes[...])
        var run = Run()
        var open = Open()
        var preformatted = 0
        /// Elements that nothing closes any more: they are not looked for again.
        var unclosed: Set<String> = []

        func source(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        func endRun(_ markup: String) {
            if !run.text.isEmpty || !run.tags.isEmpty { items.append(.run(run)) }
            run = Run(keepsLines: preformatted > 0)
            items.append(.markup(markup))
        }
        func note(_ tag: SentenceMarkup.Tag) { run.tags.append((run.text.count, tag)) }

        while let token = scanner.next() {
            switch token {
            case .text(let range): Self.append(bytes[range], to: &run.text)
            case .other(let range): note(.alone(source(range)))
            case .open(let tag):
                let isVoid = Self.void.contains(tag.name)
                if !isVoid, !tag.isSelfClosing, tag.isKept || Self.kept.contains(tag.name), !unclosed.contains(tag.name)
                {
                    if let end = scanner.skip(tag.name, isRaw: Self.raw.contains(tag.name)) {
                        let all = source(tag.range.lowerBound..<end)
                        if Self.inline.contains(tag.name) || Self.kept.contains(tag.name) {
                            note(.alone(all))
                        } else {
                            endRun(all)
                        }
                        continue
                    }
                    unclosed.insert(tag.name)
                }
                guard Self.inline.contains(tag.name) else {
                    if tag.name == "pre" { preformatted += 1 }
                    endRun(source(tag.range))
                    continue
                }
                if isVoid || tag.isSelfClosing || open.names.count == Self.deepest {
                    note(.alone(source(tag.range)))
                    continue
                }
                open.push(tag.name, elements.count)
                note(.open(elements.count))
                elements.append(.init(open: source(tag.range), close: "</\(tag.name)>"))
            case .close(let tag):
                guard Self.inline.contains(tag.name) else {
                    if tag.name == "pre" { preformatted = max(0, preformatted - 1) }
                    endRun(source(tag.range))
                    continue
                }
                guard let element = open.end(tag.name) else {
                    note(.alone(source(tag.range)))
                    continue
                }
                elements[element].close = source(tag.range)
                note(.close(element))
            }
        }
        if !run.text.isEmpty || !run.tags.isEmpty { items.append(.run(run)) }
    }

    /// The text alone: what its language is told by.
    package var text: String {
        items.map { item in
            switch item {
            case .run(let run): String(decoding: run.text, as: UTF8.self)
            case .markup: " "
            }
        }.joined()
    }

    /// Appends text with its references resolved.
    private static func append(_ html: ArraySlice<UInt8>, to text: inout [UInt8]) {
        var index = html.startIndex
        while index < html.endIndex {
            if html[index] == UInt8(ascii: "&"), let (scalar, end) = HTMLEntities.character(in: html, at: index) {
                text += Array(String(scalar).utf8)
                index = end
            } else {
                text.append(html[index])
                index += 1
            }
        }
    }
}
