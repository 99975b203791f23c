import Foundation
@testable import SelfTest
import TestSupport
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// What the tests of `svc bench compare` and `svc bench growth` share.
enum BenchFixture {
    /// Writes a program of the shell's.
    static func script(_ text: String, in directory: URL, named name: String = "peer.sh") throws -> String {
        let path = directory.appendingPathComponent(name).path
        try Programs.write(executable: "#!/bin/sh\n\(text)\n", to: path)
        return path
    }

    /// A line of the protocol, to be printed by a script.
    static func line(_ metric: String, _ value: String, _ unit: String, peer: String = "fake/1") -> String {
        #"echo '{"peer":"\#(peer)","task":"a task","metric":"\#(metric)","value":\#(value),"unit":"\#(unit)"}'"#
    }

    /// The elements of a document by their names, and all of its text. Nil where it is not well-formed.
    static func elements(ofXML text: String) -> (names: [String: Int], text: String)? {
        final class Reader: NSObject, XMLParserDelegate {
            var names: [String: Int] = [:]
            var text = ""

            func parser(
                _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
                attributes: [String: String]
            ) { names[name, default: 0] += 1 }

            func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
        }
        let reader = Reader()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = reader
        return parser.parse() ? (reader.names, reader.text) : nil
    }

    /// What of an output docs/json-schema does not allow.
    static func problems(_ outcome: Programs.Outcome, schema: String) throws -> [String] {
        let directory = Fixtures.repository.appendingPathComponent("docs/json-schema")
        var library: [String: JSONView] = [:]
        for name in ["envelope.json", "error.json", schema] {
            library[name] = try JSONView(parsing: Array(Data(contentsOf: directory.appendingPathComponent(name))))
        }
        let root = try #require(library[schema])
        return try JSONSchema(root, library: library).problems(of: JSONView(parsing: Array(outcome.output.utf8)))
    }
}
