import Generation
import Testing
import Tokenizers

/// Which texts a schema lets through, byte for byte.
@Suite struct GrammarConformanceTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var schema: String
        var valid: [String]
        var invalid: [String]
        var testDescription: String { schema }
    }

    static let scalars: [Example] = [
        Example(
            schema: "{}",
            valid: ["1", "\"\"", "{}", "[ ]", "null", "-0.5e+10", "[\n\t1, \n2]".replacing(" \n", with: " ")],
            invalid: [
                "", " 1", "1 ", "01", "+1", "1.", ".5", "nul", "[1,]", "{\"a\"}", "[1,  2]", "{\"a\" :1}", "'a'",
            ]),
        Example(
            schema: #"{"type":"string"}"#,
            valid: [#""""#, #""a\n\u00e9\/\\""#, "\"é漢😀\"", #""\ud83d\uDE00""#, "\"\u{7F}\""],
            invalid: [
                "a", "\"a", #""\x""#, #""\ud83d""#, #""\ude00""#, #""\ud83dx""#, #""\u12G4""#, "\"a\nb\"", "\"\"\"",
            ]),
        Example(
            schema: #"{"type":"string","minLength":2,"maxLength":3}"#,
            valid: [#""ab""#, #""é漢😀""#, #""\ud83d\ude00a""#, #""\n\n\n""#],
            invalid: [#""a""#, #""""#, #""abcd""#, #""\n""#, #""\ud83d\ude00""#]),
        Example(
            schema: #"{"type":"integer"}"#, valid: ["0", "7", "-12", "12345678901234567890"],
            invalid: ["1.0", "1e2", "01", "-", "123456789012345678901", "true"]),
        Example(
            schema: #"{"type":"integer","minimum":-17,"maximum":1203}"#,
            valid: ["-17", "-16", "-9", "-1", "0", "5", "99", "999", "1000", "1199", "1203"],
            invalid: ["-18", "-20", "-100", "1204", "1210", "2000", "9999", "10000", "-0"]),
        Example(
            schema: #"{"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":11}"#, valid: ["10"],
            invalid: ["9", "11", "1", "100"]),
        Example(schema: #"{"type":"integer","minimum":2.5,"maximum":4.5}"#, valid: ["3", "4"], invalid: ["2", "5"]),
        Example(
            schema: #"{"type":"number"}"#, valid: ["0", "-1.25", "3e8", "1E-07", "0.0"],
            invalid: ["1e", "1e999", "1.5.2", "--1", "00.1", "NaN", "0.123456789012345678901"]),
        Example(
            schema: #"{"type":"number","minimum":0,"maximum":1}"#, valid: ["0", "1", "0.5", "1.0", "0.0", "0.9999"],
            invalid: ["1.1", "1.01", "-0.1", "2", "1e0", "10"]),
        Example(
            schema: #"{"type":"number","exclusiveMinimum":-2.75,"exclusiveMaximum":1e-3}"#,
            valid: ["-2.74", "-2.7", "-2", "-0.5", "0", "0.0009", "0.00099"],
            invalid: ["-2.75", "-2.750", "-2.8", "-3", "0.001", "0.0010", "0.01", "1"]),
        Example(
            schema: #"{"type":["boolean","null"]}"#, valid: ["true", "false", "null"],
            invalid: ["0", "\"true\"", "tru"]),
        Example(
            schema: #"{"enum":["a\"b",1,2.0,null,true,{"x":[1]},[]]}"#,
            valid: [#""a\"b""#, "1", "2", "2.0", "null", "true", #"{"x":[1]}"#, "{\"x\": [\n  1]}", "[]"],
            invalid: [#""a""#, "3", "false", "{}", #"{"x":[2]}"#, "12"]),
        Example(schema: #"{"type":"string","enum":["red",5]}"#, valid: ["\"red\""], invalid: ["5", "\"re\""]),
        Example(schema: #"{"const":"é/"}"#, valid: ["\"é/\""], invalid: ["\"e/\"", "\"é\""]),
    ]

    static let strings: [Example] = [
        Example(
            schema: #"{"pattern":"^[a-z]+(-[0-9]{2,3})?$"}"#, valid: [#""a""#, #""abc-12""#, #""z-123""#],
            invalid: [#""""#, #""A""#, #""a-1""#, #""a-1234""#, #""a-12b""#]),
        Example(
            schema: #"{"pattern":"b+c|^x"}"#, valid: [#""abcd""#, #""xyz""#, #""bbbc\n""#, #""x""#],
            invalid: [#""ac""#, #""yx""#, #""""#]),
        Example(
            schema: #"{"pattern":"^[^\\s,]\\W\\d?.$"}"#, valid: [#""a-b""#, #""é,1é""#, #""\"\\x""#],
            invalid: [#"" -b""#, #""a_b""#, #""a-\n""#]),
        Example(
            schema: #"{"pattern":"^(?:a|\\u{1F600}|\\x41\\/)*?$"}"#, valid: [#""""#, #""a😀A/A\/""#],
            invalid: [#""A""#]),
        Example(
            schema: #"{"pattern":"^a*b*$","minLength":2,"maxLength":3}"#, valid: [#""ab""#, #""aaa""#, #""abb""#],
            invalid: [#""a""#, #""aabb""#, #""ba""#]),
        Example(
            schema: #"{"format":"date"}"#, valid: [#""2024-02-29""#, #""2000-02-29""#, #""1999-12-31""#],
            invalid: [#""2023-02-29""#, #""1900-02-29""#, #""2024-13-01""#, #""2024-04-31""#, #""2024-1-1""#]),
        Example(
            schema: #"{"format":"date-time"}"#,
            valid: [#""2024-05-06T07:08:09Z""#, #""2024-05-06T23:59:59.25+05:30""#],
            invalid: [#""2024-05-06 07:08:09Z""#, #""2024-05-06T24:00:00Z""#, #""2024-05-06T07:08:09""#]),
        Example(
            schema: #"{"format":"uuid"}"#, valid: [#""123e4567-e89b-12d3-a456-426614174000""#],
            invalid: [#""123e4567e89b12d3a456426614174000""#, #""123e4567-e89b-12d3-a456-42661417400g""#]),
        Example(
            schema: #"{"format":"ipv4"}"#, valid: [#""0.0.0.0""#, #""255.249.199.9""#],
            invalid: [#""256.1.1.1""#, #""1.2.3""#, #""01.2.3.4""#]),
        Example(
            schema: #"{"format":"email"}"#, valid: [#""a.b+c@example.org""#],
            invalid: [#""a@b""#, #""@b.org""#, #""a b@c.de""#]),
        Example(schema: #"{"type":"string","format":"colour"}"#, valid: [#""anything""#], invalid: ["1"]),
    ]

    static let containers: [Example] = [
        Example(
            schema:
                #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"#
                + #""c":{"type":"null"}},"required":["b"],"additionalProperties":false}"#,
            valid: [
                #"{"b":""}"#, #"{"a": 1, "b": "x", "c": null}"#, #"{"b":"","c":null}"#,
                "{\n  \"a\": 1,\n  \"b\": \"\"\n}",
            ],
            invalid: [
                "{}", #"{"a":1}"#, #"{"b":"","a":1}"#, #"{"b":"",}"#, #"{"b":"","d":1}"#, #"{"b":1}"#, #"{,"b":""}"#,
                #"{"b" :""}"#,
            ]),
        Example(
            schema: #"{"properties":{"a":{},"ab":{"type":"null"}},"additionalProperties":{"type":"boolean"}}"#,
            valid: ["{}", #"{"b":true}"#, #"{"a":[],"abc":true,"":false}"#, #"{"ab":null,"aé":true}"#],
            invalid: [#"{"ab":true}"#, #"{"b":true,"ab":null}"#, #"{"b":1}"#, #"{"\u0061b":true}"#]),
        Example(
            schema: #"{"type":"object","properties":{"a":{"type":"null"}}}"#, valid: ["{}", #"{"a":null}"#],
            invalid: [#"{"b":1}"#]),
        Example(
            schema: #"{"propertyNames":{"type":"string"},"additionalProperties":{"type":"null"}}"#,
            valid: ["{}", #"{"a":null}"#], invalid: [#"{"a":1}"#]),
        Example(schema: #"{"type":"object","required":["z"]}"#, valid: [#"{"z":[1]}"#], invalid: ["{}", #"{"y":1}"#]),
        Example(
            schema: #"{"type":"object","properties":{"a":false,"b":true}}"#, valid: ["{}", #"{"b":1}"#],
            invalid: [#"{"a":1}"#]),
        Example(
            schema: #"{"items":{"type":"integer"},"minItems":2,"maxItems":3}"#,
            valid: ["[1,2]", "[1, 2, 3]", "[\n  1,\n  2\n]"],
            invalid: ["[]", "[1]", "[1,2,3,4]", "[1,2,]", "[\"a\",1]"]),
        Example(
            schema: #"{"prefixItems":[{"type":"string"},{"type":"integer"}],"minItems":1}"#,
            valid: [#"["a"]"#, #"["a",1]"#],
            invalid: ["[]", "[1]", #"["a",1,2]"#]),
        Example(
            schema: #"{"prefixItems":[{"type":"string"}],"items":{"type":"integer"}}"#,
            valid: ["[]", #"["a"]"#, #"["a",1,2]"#],
            invalid: ["[1]", #"["a","b"]"#]),
        Example(schema: #"{"type":"array","maxItems":0}"#, valid: ["[]"], invalid: ["[1]"]),
        Example(
            schema: #"{"type":["object","null"],"properties":{"a":{"type":"null"}}}"#, valid: ["null", "{}"],
            invalid: ["[]"]),
    ]

    static let combined: [Example] = [
        Example(
            schema:
                #"{"anyOf":[{"properties":{"k":{"const":"a"},"v":{"type":"integer"}},"required":["k","#
                + #""v"]},{"properties":{"k":{"const":"ab"},"v":{"type":"null"}},"required":["k","v"]}]}"#,
            valid: [#"{"k":"a","v":1}"#, #"{"k":"ab","v":null}"#],
            invalid: [#"{"k":"a","v":null}"#, #"{"k":"ab","v":1}"#]),
        Example(
            schema: #"{"oneOf":[{"type":"integer"},{"type":"string","maxLength":1}]}"#, valid: ["5", "\"a\""],
            invalid: ["\"ab\"", "null"]),
        Example(
            schema:
                ##"{"allOf":[{"$ref":"#/$defs/a"},{"properties":{"y":{"type":"null"}},"##
                + ##""required":["y"]}],"$defs":{"a":{"type":"object","properties":{"x":{"type":"null"}},"##
                + ##""required":["x"]}}}"##,
            valid: [#"{"x":null,"y":null}"#], invalid: [#"{"x":null}"#, #"{"y":null}"#]),
        Example(
            schema: ##"{"$ref":"#/definitions/a~1b%25","definitions":{"a/b%":{"type":"null"}}}"##, valid: ["null"],
            invalid: ["1"]),
        Example(
            schema:
                ##"{"type":"object","properties":{"v":{"type":"integer"},"##
                + ##""next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["v","next"]}"##,
            valid: [#"{"v":1,"next":null}"#, #"{"v":1,"next":{"v":2,"next":{"v":3,"next":null}}}"#],
            invalid: [#"{"v":1,"next":{}}"#]),
    ]

    @Test(arguments: scalars + strings + containers + combined)
    func textsAreHeldToTheSchema(_ example: Example) throws {
        let grammar = try GrammarFixtures.grammar(example.schema)
        for text in example.valid { #expect(GrammarFixtures.accepts(grammar, text.utf8), "\(text)") }
        for text in example.invalid { #expect(!GrammarFixtures.accepts(grammar, text.utf8), "\(text)") }
    }

    @Test func anyJSONObjectIsOne() {
        for text in ["{}", #"{"a":{"b":[1,{"c":null}]},"a":"é"}"#] {
            #expect(GrammarFixtures.accepts(.json(), text.utf8), "\(text)")
        }
        for text in ["[]", "1", "null", #"{"a":1"#, "{}}"] {
            #expect(!GrammarFixtures.accepts(.json(), text.utf8), "\(text)")
        }
    }

    @Test func bytesThatAreNotUTF8AreRefused() throws {
        let grammar = try GrammarFixtures.grammar(#"{"type":"string"}"#)
        let broken: [[UInt8]] = [
            [0x80], [0xC0, 0xAF], [0xC3, 0x22], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xFF],
        ]
        for bytes in broken { #expect(!GrammarFixtures.accepts(grammar, [0x22] + bytes + [0x22]), "\(bytes)") }
    }

    @Test func whiteSpaceIsBounded() {
        let spaces = String(repeating: " ", count: 20)
        #expect(GrammarFixtures.accepts(.json(), "{\n\(spaces)\"a\": 1\n\(spaces)}".utf8))
        #expect(!GrammarFixtures.accepts(.json(), "{\n\(spaces) \"a\": 1}".utf8))
        #expect(!GrammarFixtures.accepts(.json(), "{\n\n\"a\": 1}".utf8))
    }

    @Test func depthIsBoundedAndAlwaysLeavesAWayOut() {
        func nested(_ levels: Int) -> String {
            "{\"a\":" + String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1) + "}"
        }
        #expect(GrammarFixtures.accepts(.json(), nested(64).utf8))
        #expect(!GrammarFixtures.accepts(.json(), nested(65).utf8))
    }

    @Test func integersAreExactAtTheirBounds() throws {
        var draws = SeededDraws(state: 3)
        for _ in 0..<40 {
            let (one, another) = (
                Int.random(in: -2000...2000, using: &draws), Int.random(in: -2000...2000, using: &draws)
            )
            let range = min(one, another)...max(one, another)
            let grammar = try GrammarFixtures.grammar(
                #"{"type":"integer","minimum":\#(range.lowerBound),"maximum":\#(range.upperBound)}"#)
            let numbers =
                [range.lowerBound, range.upperBound].flatMap { ($0 - 12)...($0 + 12) } + [0, -1, 1, 9999, -9999]
            for number in numbers {
                #expect(
                    GrammarFixtures.accepts(grammar, "\(number)".utf8) == range.contains(number),
                    "\(number) in \(range)")
            }
        }
    }
}
