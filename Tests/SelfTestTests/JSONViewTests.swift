import SelfTest
import Testing

/// JSON as cases look at it, and what they say where it is not as it should be.
@Suite struct JSONViewTests {
    private func failure(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "none"
    }

    @Test func valuesOfEveryKind() throws {
        let json = try JSONView(
            parsing: #"{"a":[1,2.5,-3,1e3,true,false,null,"é\n",[],{}],"b":{"c":9007199254740993},"1":1.0}"#)
        let array = json["a"]
        #expect(try array[0].int == 1 && array[1].double == 2.5 && array[2].int == -3 && array[3].double == 1000)
        #expect(try array[4].bool && !array[5].bool && array[7].string == "é\n")
        #expect(array[6].isNull && !array[6].exists && !array[6].isMissing)
        #expect(try array[8].array.isEmpty && array[9].keys.isEmpty && array.array.count == 10)
        #expect(try json["b"]["c"].int == 9_007_199_254_740_993)
        #expect(try json["b"].object["c"]?.path == "b.c" && json.keys == ["a", "b", "1"])
        #expect(json["a"][10].isMissing && json["x"]["y"][3].isMissing)
        // Numbers are no truth values, and the other way round.
        #expect(failure { _ = try array[0].bool } == "a[0]: expected true or false, found 1")
        #expect(failure { _ = try array[4].int } == "a[4]: expected a whole number, found true")
    }

    @Test func failuresSayWhere() throws {
        let json = try JSONView(parsing: #"{"choices":[{"text":5,"long":"\#(String(repeating: "x", count: 300))"}]}"#)
        #expect(failure { _ = try json["choices"][0]["text"].string } == "choices[0].text: expected a string, found 5")
        #expect(
            failure { _ = try json["choices"][1]["text"].int }
                == "choices[1].text: expected a whole number, found nothing")
        #expect(
            failure { _ = try json["choices"].keys }.hasPrefix(#"choices: expected an object, found [{"long":"xxx"#))
        #expect(failure { _ = try json["choices"].keys }.count < 260)
        #expect(failure { _ = try json.array }.hasPrefix("$: expected an array, found {"))
    }

    @Test(arguments: [
        "", " \n", "{", #"{"a":1}x"#, #"{"a":1}{"b":2}"#, "2026-11-21 info loaded\n{}", "{}\n2026-11-21 info",
        "{'a':1}",
        #"{"a":1,}"#, "[1,]", "nul", #""a"#, "\u{1b}[0m{}", "01", "NaN", "\u{feff}{}", #"["\\", ]"#, #""\ud800""#,
        "[\"a\tb\"]",
    ]) func textsThatAreNoJSON(text: String) {
        #expect(failure { _ = try JSONView(parsing: text) }.hasPrefix("not JSON: "), "\(text)")
    }

    @Test func bytesThatAreNoText() {
        #expect(failure { _ = try JSONView(parsing: [0x22, 0xff, 0x22]) } == "not JSON: it is not UTF-8")
    }

    @Test(arguments: ["1", "\"a\"", "null", "[]", " true ", #"["a,]",",}"]"#, #"["\\",1]"#]) func aValueAloneIsJSON(
        text: String
    ) throws {
        _ = try JSONView(parsing: text)
    }

    @Test func equalWhereverItStands() throws {
        let json = try JSONView(parsing: #"[{"a":[1,"x"]},{"a":[1,"x"]},{"a":[1,"y"]}]"#)
        #expect(json[0] == json[1] && json[0] != json[2])
        #expect(json[0].description == #"{"a":[1,"x"]}"#)
    }
}
