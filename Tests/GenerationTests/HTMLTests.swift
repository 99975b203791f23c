import Foundation
import Generation
import TestSupport
import Testing
import Tokenizers

@testable import Generation

/// HTML around the model: what is text, what is copied, and where the tags come to stand.
@Suite struct HTMLTests {
    /// A document whose every sentence is "translated" to itself, piece by piece.
    private func unchanged(_ html: String, _ firefox: FirefoxModel) -> String {
        let plan = firefox.pipeline.plan(html: html)
        let pieces = plan.alignedPieces(firefox.pipeline)
        let units = zip(plan.units, pieces).map { unit, range in
            let ids = Array(unit.dropLast())
            #expect(range == nil || range == 0..<ids.count)
            let links = ids.indices.map { TokenAlignment.Link(piece: $0, share: 1) }
            return UnitTranslation(
                text: firefox.tokenizer.decode(ids),
                tokens: AlignedText.texts(of: ids, links, decode: firefox.tokenizer.decode))
        }
        return firefox.pipeline.assemble(plan, units: units)
    }

    @Test(arguments: [
        "", " \n", "Plain words.", "Two sentences. And <b>one</b> more.", "<p>Hello <b>world</b>!</p>",
        "<p>A <a href=\"/x?a=1&b=2\" title='>'>link to nowhere</a>, then <i>this</i>.</p>\n<p>Next</p>",
        "<b>All of it.</b>", "<b>Half of it</b> is bold.", "It is <b>bold. It goes on</b> here.",
        "Nested <b>bold and <i>italic words</i> together</b>.", "<div><p>One</p>\n  <p>Two</p></div>",
        "Look <img src=\"x.png\"> here.", "Look<img src=x> here.", "Look <img src=x>here.", "Line<br>break<br/>twice",
        "An <span></span>empty one, and <a id=\"x\"></a>an anchor.", "An <a name=x><img src=y></a> image in a link.",
        "Text <!-- a comment > --> goes on.", "<!DOCTYPE html><html><head><title>The title</title></head></html>",
        "Run <code>git commit -m \"<b>\"</code> now.", "<script>if (a<b) { x = \"</p>\" }</script>Text",
        "<style>p > b {}</style><p>Text</p>", "<p translate=\"no\">Keep <b>me</b></p> Translate me.",
        "<span class='x notranslate'>Keep <span>me</span></span> but not me.", "H<sub>2</sub>O and CO<sub>2</sub>.",
        "un<b>believ</b>able", "H<sub>2</sub>O is H<sub>2</sub>O, and H2O is water.", "1 &amp; 2 &lt;3&gt; 4",
        "<ul><li>One</li><li><b>12</b></li></ul>",
        "<pre>first line\nsecond line</pre>", "<p>first line\n  second line</p>", "<td>1</td><td>🙂</td>",
        "1 < 2 > 1", "<b>never closed", "closed</b> too often", "<b><i>crossed</b></i>",
        "<", "</", "<!", "<!--", "<?php echo 1 ?>", "<![CDATA[ x ]]>", "<code>open",
        "<div translate=no>open", "THIS IS <b>WRITTEN IN CAPITALS</b>.", "<b>x</b><i>y</i>", "A <b>x<i>y</b>z</i> b.",
        "<B>x</B >y", "<svg/><path d=''/>",
    ])
    func whatIsNotTranslatedStaysAsItIs(html: String) throws {
        // White space within a sentence is one space, as browsers show it; brackets that are no tags are references.
        let expected: [String: String] = [
            "<p>first line\n  second line</p>": "<p>first line second line</p>",
            "A <b>x<i>y</b>z</i> b.": "A <b>x<i>y</i></b><i>z</i> b.",
            "1 < 2 > 1": "1 &lt; 2 &gt; 1", "<": "&lt;", "</": "&lt;/", "<!": "&lt;!", "<!--": "&lt;!--",
        ]
        #expect(unchanged(html, try FirefoxModel("firefox-en-pt")) == expected[html] ?? html)
    }

    @Test(arguments: [
        ("&eacute;&#233;&#xE9;&#XE9;", "éééé"), ("&nbsp;", "\u{A0}"), ("&hellip;&euro;&clubs;", "…€♣"),
        ("&yuml;&iexcl;", "ÿ¡"), ("&unknown;", "&unknown;"), ("&#0;&#xD800;&#x110000;", "&#0;&#xD800;&#x110000;"),
        ("&#+65;&#x;&#;", "&#+65;&#x;&#;"), ("&", "&"), ("&;", "&;"), ("AT&T", "AT&T"), ("&lt;&amp;&quot;", "<&\""),
        ("&amp;lt;", "&lt;"), ("a <b", "a <b"), ("<a href=\"", "<a href=\""), ("</p x=\"", "</p x=\""),
        ("x<y>z", "x z"),
    ])
    func whatAReaderSees(html: String, expected: String) {
        #expect(HTMLDocument(html).text == expected)
        #expect(HTMLDocument(HTMLEntities.escaped(expected)).text == expected)
    }

    @Test func everyTagIsCopiedWhateverTheDocument() throws {
        let firefox = try FirefoxModel("firefox-en-pt")
        var random = SeededDraws(state: 7)
        let parts = [
            "<b>", "</b>", "<i>", "</i>", "<a href=x>", "</a>", "<p>", "</p>", "<img>", "<code>", "</code>",
            "<!-- c -->",
            "word ", "words. ", " ", "\n", "1", "&amp;", "<", "é", "<script>", "</script>", "<span translate=no>",
            "</span>", "<br/>",
        ]
        for _ in 0..<300 {
            let html = (0..<Int.random(in: 1...24, using: &random)).map { _ in parts.randomElement(using: &random)! }
                .joined()
            let result = unchanged(html, firefox)
            // An element may have to be opened again; none may be lost, and no text.
            for tag in ["<img>", "<!-- c -->", "<p>", "</p>", "<br/>", "<code>", "<script>"] {
                #expect(count(tag, in: result) == count(tag, in: html), "\(html) became \(result)")
            }
            for tag in ["<b>", "<i>", "<a href=x>"] {
                #expect(count(tag, in: result) >= count(tag, in: html), "\(html) became \(result)")
            }
            #expect(letters(result) == letters(html), "\(html) became \(result)")
        }
    }

    private func count(_ tag: String, in html: String) -> Int { html.components(separatedBy: tag).count - 1 }

    private func letters(_ html: String) -> String {
        var text = html
        for tag in ["<b>", "</b>", "<i>", "</i>", "<a href=x>", "</a>", "<span translate=no>", "</span>", "&lt;"] {
            text = text.replacingOccurrences(of: tag, with: "")
        }
        return text.filter { $0.isLetter || $0.isNumber }
    }

    /// Hostile documents take time in proportion to their size: with the square of it this would not end.
    @Test(arguments: [
        "<b>", "</b>", "<a <", "<code>", "<p>", "<!--", "&", "<b>x", "<i>x</b>", "x<b></b>", "<b x=\"",
        "<code><code></code>",
        "漢<b>字</b>",
    ])
    func hostileDocumentsAreRead(part: String) throws {
        let html = String(repeating: part, count: 400_000 / part.utf8.count)
        let plan = try FirefoxModel("firefox-en-pt").pipeline.plan(html: html)
        #expect(plan.isHTML)
    }

    private func markup(_ marks: [SentenceMarkup.Mark], before: [Int] = []) -> SentenceMarkup {
        SentenceMarkup(
            elements: [.init(open: "<b>", close: "</b>"), .init(open: "<i>", close: "</i>")], before: before,
            marks: marks)
    }

    private func tokens(_ texts: [(String, Int)]) -> [AlignedText] {
        texts.map { AlignedText(text: $0.0, link: .init(piece: $0.1, share: 1)) }
    }

    @Test func elementsFollowTheirWords() {
        // "the <b>red</b> house" → "a casa vermelha"
        let red = markup([.init(tag: .open(0), boundary: 1), .init(tag: .close(0), boundary: 2)])
        #expect(red.place(tokens([("a", 0), (" casa", 2), (" verm", 1), ("elha", 1)])) == "a casa <b>vermelha</b>")
        // Words that move apart take the element with them.
        #expect(red.place(tokens([("x", 1), (" y", 2), (" z", 1)])) == "<b>x</b> y <b>z</b>")
        // An element that no word translates stays, empty.
        #expect(red.place(tokens([("a", 0), (" casa", 2)])) == "a<b></b> casa")
        #expect(red.place([]) == "<b></b>")
    }

    @Test func aWordIsNotTornApart() {
        let bold = markup([.init(tag: .open(0), boundary: 1), .init(tag: .close(0), boundary: 2)])
        // Most of the word, by how surely its tokens look there.
        let word = [
            AlignedText(text: " ver", link: .init(piece: 1, share: 0.9)),
            AlignedText(text: "mel", link: .init(piece: 2, share: 0.5)),
            AlignedText(text: "ha", link: .init(piece: 2, share: 0.3)),
            AlignedText(text: ".", link: .init(piece: 2, share: 1)),
        ]
        #expect(bold.place(word) == " <b>vermelha</b>.")
        #expect(bold.place(tokens([("guarda", 1), ("-", 1), ("chuva", 1), (" x", 2)])) == "<b>guarda-chuva</b> x")
        // Scripts without spaces have no words to keep together.
        #expect(bold.place(tokens([("红", 1), ("色", 2)])) == "<b>红</b>色")
    }

    @Test func elementsRunOnFromSentenceToSentence() {
        let ends = markup([.init(tag: .close(0), boundary: 1)], before: [0])
        #expect(ends.place(tokens([("x", 1), (" y", 0)])) == "</b>x <b>y</b>")
        let begins = markup([.init(tag: .open(1), boundary: 1)], before: [0])
        #expect(begins.place(tokens([("x", 1), (" y", 0)])) == "<i>x</i> y<i>")
    }

    /// Tags stand where Bergamot's own engine puts them, in the sentences that both translate alike. Ours keeps words with
    /// hyphens together, the engine's do not begin within them.
    @Test func tagsStandWhereTheEnginePutsThem() async throws {
        let fixture: BergamotFixture = try Fixtures.json("bergamot/html.json")
        let rig = try BatcherTests.Rig()
        defer { rig.stop() }
        var alike = 0, equal = 0
        for sentence in fixture.sentences {
            let result = try await rig.batcher.translate(TranslationRequest(text: sentence.source, format: .html))
            guard stripped(result.text) == stripped(sentence.bergamot) else { continue }
            alike += 1
            equal += result.text == sentence.bergamot ? 1 : 0
        }
        #expect(alike >= fixture.sentences.count * 8 / 10)
        #expect(equal >= alike * 9 / 10, "\(equal) of \(alike)")
    }

    private func stripped(_ html: String) -> String { html.replacing(#/<[^>]*>/#, with: "") }

    @Test func alternativesHaveTheirTags() async throws {
        let rig = try BatcherTests.Rig()
        defer { rig.stop() }
        let result = try await rig.batcher.translate(
            TranslationRequest(
                text: "<p>I like the <b>green apples</b> of today.</p>", search: SearchOptions(beamSize: 4, results: 3),
                format: .html))
        #expect(result.alternatives.count == 2)
        for text in [result.text] + result.alternatives {
            #expect(text.hasPrefix("<p>") && text.hasSuffix("</p>"))
            #expect(count("<b>", in: text) >= 1 && count("<b>", in: text) == count("</b>", in: text), "\(text)")
            #expect(text.contains("maçãs verdes</b>"), "\(text)")
        }
    }

    /// The same document, alone and among others.
    @Test func companyChangesNothing() async throws {
        let rig = try BatcherTests.Rig()
        defer { rig.stop() }
        let sources = (try Fixtures.json("bergamot/html.json") as BergamotFixture).sentences.prefix(24).map(\.source)
        var alone: [String] = []
        for source in sources {
            alone.append(try await rig.batcher.translate(TranslationRequest(text: source, format: .html)).text)
        }
        let together = try await rig.batcher.translate(
            TranslationRequest(text: sources.map { "<p>\($0)</p>" }.joined(separator: "\n"), format: .html))
        #expect(together.text == alone.map { "<p>\($0)</p>" }.joined(separator: "\n"))
    }
}
