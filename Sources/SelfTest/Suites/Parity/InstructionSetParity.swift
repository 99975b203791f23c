/// The same answer with the kernels of every instruction set that the processor has, with those that need none, and with
/// OpenBLAS.
enum InstructionSetParity {
    static var cases: [TestCase] {
        [
            TestCase(
                .parity, "instruction_sets",
                "a kernel of an instruction set, or OpenBLAS, that computes something else than the plain one",
                on: .programWithModel(Set(ModelTask.allCases)), instructionSets)
        ]
    }

    /// A way to compute.
    struct Arithmetic: Sendable, Equatable {
        var name: String
        var environment: [String: String]
    }

    /// The plain one first, then what this processor has besides, then OpenBLAS.
    static func available(_ program: ProgramUnderTest) async throws -> [Arithmetic] {
        var found: [Arithmetic] = []
        for name in ["portable", "avx2", "avx512vnni", "amx"] {
            let environment = ["SVC_CPU_ISA": name]
            let outcome = try await program.run(["version", "--json"], environment: environment)
            let data = try JSONView(parsing: outcome.output)["data"]
            // What is lacking is replaced by the best below it.
            if try data["instruction_set"].string == name {
                found.append(Arithmetic(name: name, environment: environment))
            }
        }
        let outcome = try await program.run(["version", "--json"], environment: ["SVC_COMPUTE": "openblas"])
        guard try JSONView(parsing: outcome.output)["data"]["compute"].string == "openblas" else {
            throw CaseFailure("SVC_COMPUTE=openblas: expected compute openblas", evidence: outcome.evidence)
        }
        return found + [Arithmetic(name: "OpenBLAS", environment: ["SVC_COMPUTE": "openblas"])]
    }

    /// What a model says, in numbers where it has any.
    private struct Answer: Sendable {
        var texts: [String] = []
        var generated: [GeneratedText] = []
        var numbers: [[Double]] = []
    }

    private static func ask(_ client: ServiceClient, _ model: PortfolioModel) async throws -> Answer {
        var answer = Answer()
        switch model.task {
        case .generation:
            for query in queries(model) { answer.generated.append(try await client.generate(query)) }
        case .translation:
            let query = try model.translation()
            answer.texts = try await client.answer(TranslationBody.self, "/translate", query).translations.map(\.text)
            let beams = try model.translation(beamSize: 4)
            answer.texts += try await client.answer(TranslationBody.self, "/translate", beams).translations.map(\.text)
        case .embedding: answer.numbers = try await EmbeddingParity.vectors(client, model.name, EmbeddingParity.texts)
        case .languageIdentification:
            let detections = try await DetectionParity.together(client)
            answer.texts = detections.map(\.language)
            answer.numbers = detections.map { [$0.confidence] }
        }
        return answer
    }

    /// Short ones: the plain kernels are many times slower than the others.
    private static func queries(_ model: PortfolioModel) -> [GenerationQuery] {
        model.continuations.prefix(model.parameters >= 2_000_000_000 ? 2 : 4).map { query in
            var query = query
            query.maxTokens = min(query.maxTokens, 16)
            return query
        }
    }

    @Sendable private static func instructionSets(_ context: CaseContext) async throws {
        let (program, model) = (try context.theProgram(), try context.theModel())
        let ways = try await available(program)
        var plain = Answer()
        for (index, way) in ways.enumerated() {
            let answer = try await program.withService([model.name], environment: way.environment) { client in
                try await confirm(client, way)
                return try await ask(client, model)
            }
            if index == 0 { plain = answer } else { try compare(context, model, answer, plain, way.name) }
        }
        context.note("compared: \(ways.map(\.name).joined(separator: ", "))")
    }

    /// What is compared is what was asked for.
    private static func confirm(_ client: ServiceClient, _ way: Arithmetic) async throws {
        let answer = try await client.request("GET", "/version")
        let version = try JSONView(parsing: answer.body)
        let found = way.name == "OpenBLAS" ? version["compute"] : version["instruction_set"]
        guard try found.string == way.name.lowercased() else {
            throw CaseFailure(
                "GET /version with \(way.environment): expected \(way.name), found \(found)", evidence: [answer.text])
        }
    }

    private static func compare(
        _ context: CaseContext, _ model: PortfolioModel, _ found: Answer, _ plain: Answer, _ name: String
    ) throws {
        let ways = (found: name, expected: "portable")
        for (left, right) in zip(found.texts, plain.texts) {
            try context.same(left, right, "an answer of \(model.name)", ways: ways, evidence: plain.texts)
        }
        var largest = 0.0
        for (query, (left, right)) in zip(queries(model), zip(found.generated, plain.generated)) {
            try context.same(left, right, query, ways: ways)
            largest = max(
                largest, try context.near(left, right, query, bound: Bounds.instructionSets, ways: ways))
        }
        let bound = model.task == .embedding ? Bounds.embedding : Bounds.confidence
        for (left, right) in zip(found.numbers, plain.numbers) {
            let distance = EmbeddingParity.distance(left, right)
            largest = max(largest, distance)
            try context.expect(
                distance <= bound,
                "numbers of \(model.name): expected \(name) within \(bound) of portable, found a distance of \(distance)",
                evidence: ["\(left.prefix(8))", "\(right.prefix(8))"])
        }
        context.note("\(name): within \(largest) of portable")
    }
}
