import Foundation

/// An element of an SVG document, or of any other XML.
struct SVG: Sendable {
    private enum Content: Sendable {
        case element(SVG)
        case text(String)
    }

    private let name: String
    private let attributes: [(String, String)]
    private var contents: [Content]

    init(_ name: String, _ attributes: [(String, String)] = [], _ children: [SVG] = []) {
        (self.name, self.attributes, contents) = (name, attributes, children.map(Content.element))
    }

    init(_ name: String, _ attributes: [(String, String)] = [], text: String) {
        (self.name, self.attributes, contents) = (name, attributes, [.text(text)])
    }

    /// The element as text, its own line and those of its children.
    func rendered(_ indentation: String = "") -> String {
        let names = attributes.map { " \($0.0)=\"\(Self.escaped($0.1))\"" }.joined()
        switch (contents.first, contents.count) {
        case (nil, _): return "\(indentation)<\(name)\(names)/>\n"
        case (.text(let text), 1): return "\(indentation)<\(name)\(names)>\(Self.escaped(text))</\(name)>\n"
        default:
            let inner = contents.map { content in
                switch content {
                case .element(let element): element.rendered(indentation + "  ")
                case .text(let text): Self.escaped(text)
                }
            }
            return "\(indentation)<\(name)\(names)>\n\(inner.joined())\(indentation)</\(name)>\n"
        }
    }

    /// What XML 1.0 may hold: marks as entities, and no control characters.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\t", "\n", "\r": escaped += " "
            case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff: escaped += "\u{fffd}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension SVG {
    /// A whole document: named and described for those who do not see it, without a background, and in colours that can
    /// be read on a light one and on a dark one.
    static func document(width: Double, height: Double, title: String, description: String, _ children: [SVG]) -> String
    {
        let root = SVG(
            "svg",
            [
                ("xmlns", "http://www.w3.org/2000/svg"), ("viewBox", "0 0 \(number(width)) \(number(height))"),
                ("width", number(width)), ("height", number(height)), ("role", "img"),
                ("aria-labelledby", "title description"), ("font-family", "system-ui, sans-serif"), ("font-size", "13"),
            ],
            [
                SVG("title", [("id", "title")], text: title), SVG("desc", [("id", "description")], text: description),
                SVG("style", text: style),
            ] + children)
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + root.rendered()
    }

    private static let style =
        ".ink{fill:#1f2328}.faint{fill:#59636e}.rule{stroke:#8c959f}.line{stroke:#0969da;fill:none}.dot{fill:#0969da}"
        + ".good{fill:#1a7f37}.bad{fill:#bc4c00}"
        + "@media (prefers-color-scheme:dark){.ink{fill:#e6edf3}.faint{fill:#9198a1}.rule{stroke:#656c76}"
        + ".line{stroke:#58a6ff}.dot{fill:#58a6ff}.good{fill:#3fb950}.bad{fill:#db6d28}}"

    static func text(
        _ text: String, x: Double, y: Double, anchor: String = "start", kind: String = "ink", isBold: Bool = false
    ) -> SVG {
        SVG(
            "text",
            [("x", number(x)), ("y", number(y)), ("text-anchor", anchor), ("class", kind)]
                + (isBold ? [("font-weight", "600")] : []), text: text)
    }

    static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, isDashed: Bool = false) -> SVG {
        SVG(
            "line",
            [("x1", number(x1)), ("y1", number(y1)), ("x2", number(x2)), ("y2", number(y2)), ("class", "rule")]
                + (isDashed ? [("stroke-dasharray", "4 3")] : []))
    }

    /// Coordinates to a tenth.
    static func number(_ value: Double) -> String {
        let text = String(format: "%.1f", value)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
