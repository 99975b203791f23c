import Foundation
import Tokenizers

/// The files that `models/chat-templates/reference.py` wrote.
enum ChatTemplateFixtures {
    /// What jinja2 made of a template.
    enum Expected: Equatable {
        case text(String)
        /// The words that the template gave to `raise_exception`.
        case refused(String)
        case error
    }

    static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/chat-templates")

    /// The moment that the reference's clock showed: 2025-07-25 10:40:00 UTC.
    static let time = TemplateTime(secondsSince1970: 1_753_440_000)

    static func read(_ name: String) throws -> TemplateDictionary {
        let text = try String(contentsOf: directory.appending(path: name + ".json"), encoding: .utf8)
        return try dictionary(TemplateValue(json: text))
    }

    static func dictionary(_ value: TemplateValue?) throws -> TemplateDictionary {
        guard case .dictionary(let entries)? = value else { throw CocoaError(.coderReadCorrupt) }
        return entries
    }

    static func string(_ value: TemplateValue?) throws -> String {
        guard case .string(let text)? = value else { throw CocoaError(.coderReadCorrupt) }
        return text
    }

    static func expected(_ result: TemplateDictionary) throws -> Expected {
        if let text = result["text"] { return .text(try string(text)) }
        if let words = result["refused"] { return .refused(try string(words)) }
        return .error
    }

    /// What this interpreter makes of it.
    static func render(_ template: String, _ variables: TemplateDictionary) -> Expected {
        do {
            return .text(try ChatTemplate(template).render(variables, time: { time }))
        } catch {
            if case .refused(let words, _) = error { return .refused(words) }
            return .error
        }
    }

    /// Strings are compared by their bytes, as tokenizers see them.
    static func agree(_ left: Expected, _ right: Expected) -> Bool {
        switch (left, right) {
        case (.text(let one), .text(let another)), (.refused(let one), .refused(let another)):
            Array(one.utf8) == Array(another.utf8)
        case (.error, .error): true
        default: false
        }
    }
}
