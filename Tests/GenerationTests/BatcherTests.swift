import Foundation
import Generation
import Synchronization
import TestSupport
import Testing
import Tokenizers

/// The batcher under many callers: every answer right, bounded, cancellable.
@Suite struct BatcherTests {
    struct Rig {
        let pool: WorkerPool
        let batcher: TranslationBatcher
        let firefox: FirefoxModel

        init(threads: Int = 2, waiting: Int = 512) throws {
            firefox = try FirefoxModel("firefox-en-pt")
            pool = WorkerPool(threads: threads)
            var limits = TranslationBatcher.Limits()
            limits.waitingRequests = waiting
            batcher = TranslationBatcher(
                model: firefox.model, pipeline: firefox.pipeline, shortlist: firefox.shortlist, pool: pool,
                limits: limits)
        }

        func stop() {
            batcher.close()
            pool.stop()
        }
    }

    @Test(arguments: [1, 2, 3]) func manyCallersGetTheAnswersTheyWouldGetAlone(threads: Int) async throws {
        let rig = try Rig(threads: threads)
        defer { rig.stop() }
        let expected = rig.firefox.translate(BatchingTests.sentences)
        let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for index in 0..<120 {
                let text = BatchingTests.sentences[index % expected.count]
                group.addTask { (index, try await rig.batcher.translate(TranslationRequest(text: text)).text) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for (index, text) in answers { #expect(text == expected[index % expected.count]) }
        #expect(rig.batcher.openRequests == 0)
    }

    @Test func alternativesDifferFromTheBest() async throws {
        let rig = try Rig()
        defer { rig.stop() }
        let result = try await rig.batcher.translate(
            TranslationRequest(
                text: "The weather is nice today. Let us go for a walk.",
                search: SearchOptions(beamSize: 3, results: 3)))
        #expect(result.alternatives.count == 2)
        #expect(Set(result.alternatives + [result.text]).count == 3)
        #expect(result.sourceTokens > 0 && result.targetTokens > 0)
    }

    /// Sentences are told in order, whichever worker is done first, and together are the translation.
    @Test(arguments: [1, 3], [1, 3]) func sentencesAreToldInOrder(threads: Int, results: Int) async throws {
        let rig = try Rig(threads: threads)
        defer { rig.stop() }
        let text = "12:30\n" + BatchingTests.sentences.joined(separator: " \n ") + " 42\n"
        for text in ["", " \n", "🙂 ", text, String(repeating: text, count: 5)] {
            let told = Mutex<[String]>([])
            let result = try await rig.batcher.translate(
                TranslationRequest(text: text, search: SearchOptions(beamSize: results, results: results))
            ) { sentence in told.withLock { $0.append(sentence) } }
            let sentences = told.withLock { $0 }
            #expect(sentences.joined() == result.text)
            #expect(sentences.count <= text.split(whereSeparator: \.isNewline).count * 4 + 1)
            if text.count > 100 { #expect(sentences.count >= BatchingTests.sentences.count) }
        }
    }

    @Test func aFullQueueRefusesAndRecovers() async throws {
        let rig = try Rig(waiting: 4)
        defer { rig.stop() }
        let text = Array(repeating: BatchingTests.sentences[2], count: 30).joined(separator: " ")
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    do {
                        _ = try await rig.batcher.translate(TranslationRequest(text: text))
                        return true
                    } catch {
                        #expect(error is QueueFullError)
                        return false
                    }
                }
            }
            return await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(outcomes.contains(true))
        #expect(outcomes.contains(false))
        #expect(!(try await rig.batcher.translate(TranslationRequest(text: "Yes.")).text.isEmpty))
    }

    @Test func aCancelledRequestEndsAtOnceAndFreesItsPlace() async throws {
        let rig = try Rig(threads: 1)
        defer { rig.stop() }
        let long = Array(repeating: BatchingTests.sentences[6], count: 2000).joined(separator: " ")
        let task = Task { try await rig.batcher.translate(TranslationRequest(text: long)) }
        while rig.batcher.waitingSentences == 0 { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(!(try await rig.batcher.translate(TranslationRequest(text: "Good morning.")).text.isEmpty))
        while rig.batcher.waitingSentences > 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(rig.batcher.openRequests == 0)
    }

    @Test func closingAnswersWhoeverWaits() async throws {
        let rig = try Rig(threads: 1)
        let long = Array(repeating: BatchingTests.sentences[6], count: 2000).joined(separator: " ")
        let task = Task { try await rig.batcher.translate(TranslationRequest(text: long)) }
        while rig.batcher.waitingSentences == 0 { try await Task.sleep(for: .milliseconds(5)) }
        rig.stop()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
