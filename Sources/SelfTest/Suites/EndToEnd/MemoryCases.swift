internal import Foundation

/// What requests leave behind.
enum MemoryCases {
    static var cases: [TestCase] { [stable] }

    /// How much memory may grow over 500 requests, as a share of what there was after the warm-up.
    private static let tolerance = 0.05

    private static let stable = TestCase.onOwnServices(
        "memory.stable", "a service that grows with every request until it is killed for it",
        needs: [.task(.translation), .task(.languageIdentification)]
    ) { context in
        let (model, detector) = (
            try context.smallest(.translation), try context.smallest(.languageIdentification)
        )
        let pair = try model.firstPair()
        try await context.withService([model.name, detector.name]) { service in
            let client = service.client.patient
            func ask(_ count: Int) async throws {
                for number in 0..<count {
                    switch number % 5 {
                    case 0: try await client.ask("/detect", ["text": .string(pair.sentences[1])]).expect(status: 200)
                    case 1: try await client.translate(pair.sentences, pair, model: model.name).expect(status: 200)
                    case 2: try await client.ask("/translate", .raw("{")).expect(status: 400)
                    case 3: try await client.ask("GET", "/models").expect(status: 200)
                    default:
                        try await client.translate([pair.sentences[0]], pair, model: model.name).expect(status: 200)
                    }
                }
            }
            try await ask(250)
            let before = service.residentBytes()
            try await ask(500)
            let after = service.residentBytes()
            let growth = Double(after - before) / Double(max(1, before))
            context.note("\(before / 1_000_000) MB before 500 requests, \(after / 1_000_000) MB after")
            try context.expect(
                before > 0 && growth <= tolerance,
                "memory after 500 requests: expected at most 5 % more than \(before) bytes, found \(after) (\(String(format: "%.1f", 100 * growth)) %)",
                evidence: [
                    "250 requests to warm up, then 500: translations, detections, lists and errors",
                    service.logTail(lines: 10),
                ])
        }
    }
}
