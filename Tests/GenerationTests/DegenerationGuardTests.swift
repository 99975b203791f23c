import Generation
import Testing

@Suite struct DegenerationGuardTests {
    static func hypothesis(_ tokens: [Int32], reachedLimit: Bool = false) -> Hypothesis {
        Hypothesis(tokens: tokens, logProbability: nil, score: nil, reachedLimit: reachedLimit)
    }

    @Test(arguments: [
        [Int32](repeating: 7, count: 8), [1, 2] + Array([Int32](repeating: 3, count: 12)),
        (0..<24).map { Int32($0 % 3) }, (0..<60).map { Int32($0 % 9) } + [99],
    ])
    func aLoopIsReported(tokens: [Int32]) {
        let warnings = DegenerationGuard.warnings(source: [4, 5, 6, 0], hypothesis: Self.hypothesis(tokens))
        #expect(warnings.map(\.kind) == [.loop])
        #expect(warnings.first?.message.contains("times in a row") == true)
    }

    @Test(arguments: [[], [1], [5, 5], [1, 2, 3, 1, 2, 3], [4, 4, 4, 4], Array(0..<50)] as [[Int32]])
    func ordinaryOutputIsNot(tokens: [Int32]) {
        #expect(DegenerationGuard.warnings(source: [4, 5, 6, 0], hypothesis: Self.hypothesis(tokens)).isEmpty)
    }

    @Test func whatTheSourceRepeatsTheTranslationMayRepeat() {
        let no = [Int32](repeating: 9, count: 12)
        #expect(DegenerationGuard.warnings(source: no + [0], hypothesis: Self.hypothesis(no)).isEmpty)
    }

    @Test func aCutOutputIsReportedWithItsLength() {
        let warnings = DegenerationGuard.warnings(
            source: [4, 0], hypothesis: Self.hypothesis([1, 2, 3, 4, 5], reachedLimit: true))
        #expect(warnings.map(\.kind) == [.runaway])
        #expect(warnings.first?.message == "the output was cut at 5 tokens, the limit for its source")
    }
}
