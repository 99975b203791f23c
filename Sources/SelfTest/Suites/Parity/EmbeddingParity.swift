internal import Foundation

/// A text's vector, by every way.
enum EmbeddingParity {
    static let texts = [
        "A man is eating food.", "O homem está a comer.", "The stock market fell sharply on Monday.", "🙂", "猫",
        "A much longer text, so that the others of its batch have to be filled up to its length: the library opens at "
            + "nine, and she had never seen the sea before, and the weather in Lisbon will be sunny tomorrow.",
    ]

    struct Query: Encodable, Sendable {
        var model: String
        var input: [String]
        var encodingFormat: String?
    }

    /// Vectors as lists of numbers.
    struct Body: Decodable, Sendable {
        struct Item: Decodable, Sendable {
            var index: Int
            var embedding: [Double]
        }

        struct Usage: Decodable, Sendable {
            var promptTokens: Int
            var totalTokens: Int
        }

        var data: [Item]
        var usage: Usage
    }

    private struct PackedBody: Decodable {
        struct Item: Decodable {
            var index: Int
            var embedding: String
        }

        var data: [Item]
    }

    static var cases: [TestCase] {
        let kind = TestCase.Subject.model([.embedding])
        return [
            TestCase(
                .parity, "embeddings.batch", "a vector that depends on the others of its request, or is another's",
                on: kind, isQuick: true, batch),
            TestCase(
                .parity, "embeddings.in_flight", "vectors that change, or are mixed up, with others in flight",
                on: kind,
                isQuick: true, inFlight),
            TestCase(
                .parity, "embeddings.base64", "vectors as base64 that are not those as numbers", on: kind,
                isQuick: true, base64),
            TestCase(
                .parity, "embeddings.restart", "vectors that change when the service is started again",
                on: .programWithModel([.embedding]), restart),
        ]
    }

    static func vectors(_ client: ServiceClient, _ model: String, _ input: [String]) async throws -> [[Double]] {
        let body = try await client.answer(Body.self, "/v1/embeddings", Query(model: model, input: input))
        guard body.data.map(\.index) == Array(input.indices) else {
            throw CaseFailure("/v1/embeddings: expected indices in order, found \(body.data.map(\.index))")
        }
        return body.data.map(\.embedding)
    }

    /// The largest distance of two components.
    static func distance(_ left: [Double], _ right: [Double]) -> Double {
        left.count == right.count ? zip(left, right).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    static func compare(
        _ context: CaseContext, _ found: [[Double]], _ expected: [[Double]], bound: Double, _ ways: String
    ) throws {
        try context.equal(found.count, expected.count, "the number of vectors, \(ways)")
        var largest = 0.0
        for (text, (left, right)) in zip(texts, zip(found, expected)) {
            let distance = distance(left, right)
            largest = max(largest, distance)
            try context.expect(
                distance <= bound,
                "the vector of \(text.prefix(40).debugDescription): expected \(ways) within \(bound), found a component "
                    + "that is \(distance) away", evidence: ["\(left.prefix(8)) …", "\(right.prefix(8)) …"])
        }
        context.note("\(ways): vectors are within \(largest)")
    }

    @Sendable private static func batch(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        let together = try await vectors(client, model.name, texts)
        var alone: [[Double]] = []
        for text in texts { alone += try await vectors(client, model.name, [text]) }
        try compare(context, together, alone, bound: Bounds.embedding, "in an array = alone")
        let reversed = Array(try await vectors(client, model.name, texts.reversed()).reversed())
        try compare(context, reversed, alone, bound: Bounds.embedding, "in another order = alone")
        // Vectors that are all the same would be equal by every way.
        try context.expect(
            distance(alone[0], alone[2]) > 0.01, "the vectors of two texts: expected different ones, found the same",
            evidence: ["\(alone[0].prefix(8))"])
        for vector in alone {
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            try context.expect(abs(length - 1) < 1e-3, "the length of a vector: expected 1, found \(length)")
        }
    }

    @Sendable private static func inFlight(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        var alone: [[Double]] = []
        for text in texts { alone += try await vectors(client, model.name, [text]) }
        let found = try await withThrowingTaskGroup(of: (Int, [[Double]]).self) { group in
            for (index, text) in texts.enumerated() {
                group.addTask { (index, try await vectors(client, model.name, [text])) }
            }
            for round in 0..<3 {
                group.addTask { (100 + round, try await vectors(client, model.name, texts)) }
            }
            return try await group.reduce(into: [Int: [[Double]]]()) { $0[$1.0] = $1.1 }
        }
        let ways = "with 8 others in flight = alone"
        try compare(
            context, texts.indices.flatMap { found[$0] ?? [] }, alone, bound: Bounds.embedding, ways)
        for round in 0..<3 {
            try compare(context, found[100 + round] ?? [], alone, bound: Bounds.embedding, ways)
        }
    }

    @Sendable private static func base64(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        let numbers = try await vectors(client, model.name, texts)
        let packed = try await client.answer(
            PackedBody.self, "/v1/embeddings", Query(model: model.name, input: texts, encodingFormat: "base64"))
        let unpacked = try packed.data.map { item in
            guard let data = Data(base64Encoded: item.embedding), data.count.isMultiple(of: 4) else {
                throw CaseFailure(
                    "embedding as base64: expected whole 32-bit numbers", evidence: ["\(item.embedding.prefix(200))"])
            }
            let bytes = [UInt8](data)
            return stride(from: 0, to: bytes.count, by: 4).map { place in
                let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
                return Double(Float(bitPattern: bits))
            }
        }
        // The decimals of a 32-bit number.
        try compare(context, unpacked, numbers, bound: 1e-6, "as base64 = as numbers")
    }

    @Sendable private static func restart(_ context: CaseContext) async throws {
        let (program, model) = (try context.theProgram(), try context.theModel())
        var answers: [[[Double]]] = []
        for _ in 1...2 {
            answers.append(try await program.withService([model.name]) { try await vectors($0, model.name, texts) })
        }
        try compare(context, answers[1], answers[0], bound: Bounds.embedding, "after a restart = before it")
    }
}
