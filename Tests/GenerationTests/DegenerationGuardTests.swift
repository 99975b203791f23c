import Generation
import Testing

@Suite struct DegenerationGuardTests {
    static func hypothesis(_ tokens: [Int32], reachedLimit: Bool = false) -> Hypothesis {
        Hypothesis(tokens: tokens, logProbability: nil, score: nil, reachedLimit: reachedLimit)
    }

    /// So many tokens, which begin anew after `period`, between others.
    static func cycle(_ period: Int32, count: Int32, before: [Int32] = [], after: [Int32] = []) -> [Int32] {
        var tokens = before
        for index in 0..<count { tokens.append(index % period) }
        return tokens + after
    }

    @Test(arguments: [
        cycle(1, count: 8), cycle(1, count: 12, before: [1, 2]), cycle(3, count: 24),
        cycle(9, count: 60, after: [99]),
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
