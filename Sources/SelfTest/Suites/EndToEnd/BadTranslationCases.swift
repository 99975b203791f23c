/// Bad bodies on every route that reads one, and bad fields of `/translate`.
enum BadTranslationCases {
    static var cases: [TestCase] { [bodies, deepBodies, types, fields, ranges, characters, models] }

    /// The routes that read JSON, each with whether it reads forms too.
    private static let readers = [
        ("/translate", true), ("/detect", true), ("/v1/completions", false), ("/v1/chat/completions", false),
        ("/v1/embeddings", false),
    ]

    private static let bodies = TestCase.onService(
        "errors.bodies", "a damaged body that is a fault of the service: clients would try it again and again",
        quick: true
    ) { context, client in
        let bodies: [(body: [UInt8], code: String)] =
            [
                "hello", "{", "[1,2]", #""hello""#, #"{"q":"x","#, "{\"a\":\"b\" \"c\"}", "{'a':1}", "\u{FEFF}", "nul",
                "{\"a\":01}",
            ]
            .map { (Array($0.utf8), "invalid_json") } + [
                (Array(#"{"q":"a\ud800b"}"#.utf8), "invalid_json"), (Array(#"{"q":"a\x"}"#.utf8), "invalid_json"),
                (Array(#"{"q":"a"#.utf8) + [0] + Array(#""}"#.utf8), "invalid_json"),
                (Array(#"{"q":"a"#.utf8) + [0xff, 0xfe] + Array(#""}"#.utf8), "invalid_utf8"),
                (Array(#"{"q":"a"#.utf8) + [0xc3], "invalid_utf8"),
            ]
        for (path, _) in readers {
            for (body, code) in bodies {
                try await client.ask("POST", path, headers: ["content-type": "application/json"], body: body)
                    .expectError(400, code)
            }
        }
        let put = try await client.ask(
            "PUT", "/downloads/limit", headers: ["content-type": "application/json"], body: Array("{".utf8))
        try put.expectError(400, "invalid_json")
        try await client.ask("GET", "/health").expect(status: 200)
    }

    private static let deepBodies = TestCase.onService(
        "errors.deep_json", "brackets without end that take the service's stack, and the service with it", quick: true
    ) { context, client in
        for (path, _) in readers {
            for text in [
                String(repeating: "[", count: 100_000), String(repeating: #"{"a":"#, count: 100_000),
                String(repeating: "[", count: 20_000) + String(repeating: "]", count: 20_000),
            ] {
                let exchange = try await client.ask(path, .raw(text))
                try exchange.expectError(400, "invalid_json")
            }
            let inside = "{\"q\":" + String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000) + "}"
            let exchange = try await client.ask(path, .raw(inside))
            try exchange.expect(status: 400)
        }
        try await client.ask("GET", "/health/live").expect(status: 200)
    }

    private static let types = TestCase.onService(
        "errors.content_types", "a body of another type that is guessed at", quick: true
    ) { context, client in
        let json = Array(#"{"q":"x","source":"en","target":"pt"}"#.utf8)
        for (path, readsForms) in readers {
            for type in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "image/png"] {
                try await client.ask("POST", path, headers: ["content-type": type], body: json)
                    .expectError(415, nil, says: type.split(separator: ";").first.map(String.init) ?? type)
            }
            let form = try await client.ask(path, form: [("a", "b")])
            if readsForms { try form.expectPlainError(400, says: "missing q") } else { try form.expectError(415, nil) }
            guard readsForms else { continue }
            try await client.ask(
                "POST", path, headers: ["content-type": "application/x-www-form-urlencoded"], body: Array("q=%zz".utf8)
            ).expectError(400, "invalid_form", says: "percent-encoded")
        }
    }

    /// A request that would be right but for what a case changes.
    private static func base(_ context: CaseContext) throws -> (ours: JSONLiteral, libre: JSONLiteral) {
        let pair = try context.smallest(.translation).firstPair()
        return (
            ["text": "x", "source_lang": .string(pair.source), "target_lang": .string(pair.target)],
            ["q": "x", "source": .string(pair.source), "target": .string(pair.target)]
        )
    }

    private static let fields = TestCase.onService(
        "translate.bad_fields", "a wrong field that is ignored, or answered without its name", quick: true,
        needs: [.task(.translation)]
    ) { context, client in
        let pair = try context.smallest(.translation).firstPair()
        let languages: JSONLiteral = ["source_lang": .string(pair.source), "target_lang": .string(pair.target)]
        let ours: [(JSONLiteral, String, String, String)] = [
            (["text": 1], "invalid_type", "text", "a string or an array of strings"),
            (["text": true], "invalid_type", "text", "a string or an array of strings"),
            (["text": [:]], "invalid_type", "text", "a string or an array of strings"),
            (["text": ["a", 2]], "invalid_type", "text", "text[1] must be a string"),
            (["text": ["a", nil]], "invalid_type", "text", "text[1] must be a string"),
            (["text": ["a", ["b"]]], "invalid_type", "text", "text[1] must be a string"),
            ([:], "missing_parameter", "text", "missing text parameter"),
            (["text": nil], "missing_parameter", "text", "missing text parameter"),
        ]
        for (fields, code, param, says) in ours {
            try await client.ask("/translate", languages.with(fields)).expectError(400, code, param: param, says: says)
        }
        for (fields, code, param, says): (JSONLiteral, String, String, String) in [
            (["text": "x"], "missing_parameter", "target_lang", "missing target_lang parameter"),
            (["text": "x", "target_lang": ""], "missing_parameter", "target_lang", "missing target_lang parameter"),
            (["text": "x", "target_lang": 5], "invalid_type", "target_lang", "must be a string"),
            (
                ["text": "x", "target_lang": "pt", "source_lang": ["en"]], "invalid_type", "source_lang",
                "must be a string"
            ),
            (["text": "x", "target_lang": "pt", "model": 5], "invalid_type", "model", "must be a string"),
        ] {
            try await client.ask("/translate", fields).expectError(400, code, param: param, says: says)
        }
        for (fields, says): (JSONLiteral, String) in [
            (["q": ""], "missing q parameter"), (["q": []], "missing q parameter"), (["q": nil], "missing q parameter"),
            (["q": 7], "q must be a string or an array"), (["q": ["a", 2]], "q[1] must be a string"),
            (["q": "x"], "missing source parameter"), (["q": "x", "source": "en"], "missing target parameter"),
            (["q": "x", "source": "", "target": "pt"], "missing source parameter"),
            (["q": "x", "source": "en", "target": 5], "target must be a string"),
        ] {
            try await client.ask("/translate", fields).expectPlainError(400, says: says)
        }
    }

    private static let ranges = TestCase.onService(
        "translate.bad_values", "a number out of its range that takes all the memory there is", quick: true,
        needs: [.task(.translation)]
    ) { context, client in
        let (ours, libre) = try base(context)
        for (name, range, values): (String, String, [JSONLiteral]) in [
            ("alternatives", "from 0 to 8", [-1, 9, 1.5, .raw("1e300"), .raw("99999999999999999999"), "-1"]),
            ("beam_size", "from 1 to 16", [0, 17, .raw("-1e9")]),
            ("max_tokens", "from 1 to 100000", [0, 100_001, -5]),
        ] {
            for value in values {
                try await client.ask("/translate", ours.with(.member(name, value)))
                    .expectError(400, "invalid_value", param: name, says: "\(name) must be a whole number \(range)")
            }
            for value: JSONLiteral in ["many", true, [1], [:]] {
                try await client.ask("/translate", ours.with(.member(name, value)))
                    .expectError(400, "invalid_type", param: name, says: "\(name) must be a whole number")
            }
        }
        try await client.ask("/translate", ours.with(["format": "pdf"])).expectError(
            400, "invalid_value", param: "format")
        try await client.ask("/translate", ours.with(["stream": true, "alternatives": 1])).expectError(
            400, "unsupported_parameter", param: "alternatives")
        try await client.ask("/translate", libre.with(["stream": true])).expectPlainError(422, says: "stream")
        try await client.ask("/translate", ours.with(["stream": "yes"])).expectError(
            400, "invalid_type", param: "stream")
        try await client.ask("/translate", ours.with(["fallback": "maybe"])).expectError(
            400, "invalid_value", param: "fallback")
        try await client.ask("/translate", libre.with(["alternatives": 9])).expectPlainError(400, says: "from 0 to 8")
        try await client.ask("/translate", libre.with(["format": "pdf"])).expectPlainError(
            400, says: "pdf format is not supported")
        try await client.ask("/translate", ours.with(["stream": false, "format": "text"])).expect(status: 200)
    }

    private static let characters = TestCase.onService(
        "translate.control_characters", "characters that belong in no text and spoil what is made of it", quick: true,
        needs: [.task(.translation)]
    ) { context, client in
        let (ours, libre) = try base(context)
        for code in ["0000", "0001", "0007", "0008", "001B", "001F", "007F"] {
            let texts = JSONLiteral.raw(#"["fine","ab\u\#(code)c"]"#)
            try await client.ask("/translate", ours.with(["text": texts])).expectError(
                400, "control_character", param: "text",
                says: "text[1] has the control character U+\(code) at character 2")
        }
        try await client.ask("/translate", libre.with(["q": .raw(#""a\u0000""#)])).expectPlainError(
            400, says: "U+0000 at character 1")
        try await client.ask("/translate", ours.with(["text": "a\tb\r\nc\u{B}d\u{C}"])).expect(status: 200)
    }

    private static let models = TestCase.onService(
        "translate.bad_models", "a language or a model that is not there, with an error that does not say so",
        quick: true, needs: [.task(.translation)]
    ) { context, client in
        let (ours, _) = try base(context)
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        try await client.ask("/translate", ours.with(["model": "no-such-model"]))
            .expectError(404, "model_not_found", param: "model", says: "no-such-model")
        for other in context.portfolio.models where other.task == .languageIdentification || other.task == .embedding {
            try await client.ask("/translate", ours.with(["model": .string(other.name)]))
                .expectError(400, "wrong_task", param: "model", says: other.name)
        }
        for code in ["zz", "../../etc", "english", "x-klingon"] {
            let question: JSONLiteral = [
                "text": "x", "source_lang": .string(pair.source), "target_lang": .string(code),
            ]
            try await client.ask("/translate", question).expectError(
                400, "unsupported_language", says: "\(code) is not supported")
        }
        // Turned round, the named model does not do it.
        if !model.sourceLanguages.contains(pair.target) {
            let question: JSONLiteral = [
                "text": "x", "source_lang": .string(pair.target), "target_lang": .string(pair.source),
                "model": .string(model.name),
            ]
            try await client.ask("/translate", question).expectError(400, "unsupported_pair", says: pair.target)
        }
        let marked: JSONLiteral = [
            "text": "x", "source_lang": .string(pair.source), "target_lang": .string("zz"),
            "model": .string(model.name),
        ]
        let unknown = try await client.ask("/translate", marked)
        try unknown.expect(status: 400)
    }
}
