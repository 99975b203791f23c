internal import Foundation

/// `/v1/embeddings` on every model that embeds.
enum EmbeddingCases {
    static var cases: [TestCase] { [shape, order, base64, meaning, tokens, tooLong, badInput] }

    private static let texts = [
        "A cat sleeps on the sofa.", "The kitten is lying on the couch.", "The central bank raised interest rates.",
        "Interest rates went up by half a per cent.", "x", "1234567890", "\u{1F600}",
    ]

    private static func vectors(_ exchange: Exchange) throws -> [[Double]] {
        let data = try exchange.json().array("data")
        try exchange.equal(try data.map { try $0.int("index") }, Array(data.indices), "indices")
        return try data.map { try $0.numbers("embedding") }
    }

    private static func ask(_ client: ServiceClient, _ model: PortfolioModel, _ more: JSONLiteral) async throws
        -> Exchange
    {
        let head: JSONLiteral = ["model": .string(model.name)]
        return try await client.ask("/v1/embeddings", head.with(more))
    }

    /// The cosine of the angle between two vectors.
    private static func likeness(_ a: [Double], _ b: [Double]) -> Double {
        func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        return product(a, b) / (product(a, a) * product(b, b)).squareRoot()
    }

    private static let shape = TestCase.onModels(
        .embedding, "embeddings.shape", "vectors that OpenAI's clients cannot read, or that are nothing", quick: true
    ) { context, client, model in
        let exchange = try await ask(client, model, ["input": .strings(texts)])
        let answer = try exchange.json()
        try answer.equal(try answer.string("object"), "list", "object")
        try answer.equal(try answer.string("model"), model.name, "model")
        let data = try answer.array("data")
        try answer.equal(data.count, texts.count, "data")
        for entry in data {
            try entry.equal(try entry.keys(), ["embedding", "index", "object"], "keys")
            try entry.equal(try entry.string("object"), "embedding", "object")
        }
        let vectors = try vectors(exchange)
        try answer.equal(Set(vectors.map(\.count)).count, 1, "different lengths of vectors")
        for (index, vector) in vectors.enumerated() {
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            try answer.expect(
                vector.count > 8 && norm.isFinite && norm > 1e-3,
                "vector \(index): expected numbers, found \(vector.count) of norm \(norm)")
        }
        let tokens = try answer.int("usage", "prompt_tokens")
        try answer.expect(
            tokens >= texts.count, "usage.prompt_tokens: expected one or more for each text, found \(tokens)")
        try answer.equal(try answer.int("usage", "total_tokens"), tokens, "usage.total_tokens")
        let single = try await ask(client, model, ["input": .string(texts[0])])
        try single.equal(try single.json().array("data").count, 1, "data of one text")
    }

    private static let order = TestCase.onModels(
        .embedding, "embeddings.order", "vectors that belong to other texts", quick: true
    ) { context, client, model in
        let exchange = try await ask(client, model, ["input": .strings(texts)])
        let all = try vectors(exchange)
        let reversed: [[Double]] = try vectors(try await ask(client, model, ["input": .strings(texts.reversed())]))
            .reversed()
        for (index, text) in texts.enumerated() {
            let alone = try vectors(try await ask(client, model, ["input": .string(text)]))[0]
            for (name, other) in [("alone", alone), ("in the array turned round", reversed[index])] {
                let found = likeness(all[index], other)
                try exchange.expect(
                    found > 0.9999,
                    "vector \(index) and that of its text \(name): expected a cosine of 1, found \(found)")
            }
        }
    }

    private static let base64 = TestCase.onModels(
        .embedding, "embeddings.base64",
        "OpenAI's Python client, which asks for base64 by itself and reads other numbers",
        quick: true
    ) { context, client, model in
        let plain = try vectors(try await ask(client, model, ["input": .strings(texts)]))
        let exchange = try await ask(client, model, ["input": .strings(texts), "encoding_format": "base64"])
        for (index, entry) in try exchange.json().array("data").enumerated() {
            let text = try entry.string("embedding")
            guard let bytes = Data(base64Encoded: text) else {
                throw exchange.failure("embedding \(index): expected base64, found \(text.prefix(40))")
            }
            try exchange.equal(bytes.count, 4 * plain[index].count, "bytes of embedding \(index)")
            let floats = stride(from: 0, to: bytes.count, by: 4).map { start in
                Double(
                    Float(bitPattern: bytes[start..<(start + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
            }
            let difference = zip(floats, plain[index]).map { abs($0 - $1) }.max() ?? 0
            try exchange.expect(
                difference < 1e-6,
                "embedding \(index): expected the numbers of the plain answer, found a difference of \(difference)")
        }
    }

    private static let meaning = TestCase.onModels(
        .embedding, "embeddings.meaning", "vectors that say nothing of the texts", quick: true
    ) { context, client, model in
        let exchange = try await ask(client, model, ["input": .strings(Array(texts.prefix(4)))])
        let all = try vectors(exchange)
        let near = [likeness(all[0], all[1]), likeness(all[2], all[3])]
        let far = [
            likeness(all[0], all[2]), likeness(all[1], all[3]), likeness(all[0], all[3]), likeness(all[1], all[2]),
        ]
        let (lowest, highest) = (near.min() ?? 0, far.max() ?? 1)
        try exchange.expect(
            lowest > highest, "cosines: expected texts about one thing nearer (\(near)) than others (\(far))")
    }

    private static let tokens = TestCase.onModels(
        .embedding, "embeddings.token_ids", "token ids that are counted, or read, as something else"
    ) { context, client, model in
        let one = try await ask(client, model, ["input": [1000, 1001, 1002]])
        try one.equal(try one.json().array("data").count, 1, "data of one text's ids")
        try one.equal(try one.json().int("usage", "prompt_tokens"), 3, "usage.prompt_tokens")
        let two = try await ask(client, model, ["input": [[1000, 1001, 1002], [1003]]])
        let (first, second) = (try vectors(one), try vectors(two))
        try two.equal(second.count, 2, "data of two texts' ids")
        try two.expect(likeness(first[0], second[0]) > 0.9999, "vector of ids, alone and in an array: expected one")
        try await ask(client, model, ["input": [2_000_000_000]]).expectError(400, "invalid_value", param: "input")
    }

    private static let tooLong = TestCase.onModels(
        .embedding, "embeddings.too_long", "a long text of which only the beginning counts, without a word"
    ) { context, client, model in
        let text = String(repeating: "many words and no end of them ", count: 30_000)
        let error = try await ask(client, model, ["input": .string(text)]).expectError(
            400, "context_length_exceeded", param: "input")
        let numbers = try error.string("message").split { !$0.isNumber }
        try error.expect(numbers.count >= 2, "message: expected both numbers, found \(error)")
    }

    private static let badInput = TestCase.onModels(
        .embedding, "embeddings.bad_input", "wrong input that is answered with a vector, or with a 500", quick: true
    ) { context, client, model in
        for (more, param, code): (JSONLiteral, String, String) in [
            ([:], "input", "missing_parameter"), (["input": nil], "input", "missing_parameter"),
            (["input": []], "input", "invalid_value"), (["input": ""], "input", "invalid_value"),
            (["input": ["a", ""]], "input[1]", "invalid_value"), (["input": 5], "input", "invalid_type"),
            (["input": ["a", 5]], "input[1]", "invalid_type"), (["input": [1, "a"]], "input[1]", "invalid_type"),
            (["input": [[]]], "input[0]", "invalid_value"), (["input": [-1]], "input[0]", "invalid_type"),
            (["input": "x", "encoding_format": "hex"], "encoding_format", "invalid_value"),
            (["input": "x", "dimensions": 0], "dimensions", "invalid_value"),
            (["input": "x", "dimensions": 7], "dimensions", "unsupported_parameter"),
            (["input": "x", "fallback": "maybe"], "fallback", "invalid_value"),
        ] {
            try await ask(client, model, more).expectError(400, code, param: param)
        }
        try await client.ask("/v1/embeddings", ["input": "x"]).expectError(400, "missing_parameter", param: "model")
        try await client.ask("/v1/embeddings", ["input": "x", "model": "no-such-model"])
            .expectError(404, "model_not_found", param: "model")
        for other in context.portfolio.models where other.task != .embedding {
            try await client.ask("/v1/embeddings", ["input": "x", "model": .string(other.name)])
                .expectError(400, "wrong_task", param: "model", says: other.name)
        }
        let length = try vectors(try await ask(client, model, ["input": "x"]))[0].count
        try await ask(client, model, ["input": "x", "dimensions": .int(length), "user": "someone"]).expect(status: 200)
        let many = JSONLiteral.strings(Array(repeating: "x", count: 2049))
        try await ask(client, model, ["input": many]).expectError(400, "invalid_value", param: "input", says: "2048")
    }
}
