import LanguageID
import Testing

/// The real model against the published implementation's answers.
@Suite struct Lid176ParityTests {
    @Test func predictsWhatFastTextPredicts() throws {
        let model = try Lid176.model.get()
        let texts = try Fixtures.texts()
        let answers = try Fixtures.decode([Answer].self, "lid176.json")
        #expect(texts.count >= 150)
        #expect(Set(texts.compactMap(\.language)).count >= 60)
        try #require(texts.count == answers.count)
        var worst: Float = 0
        for (text, answer) in zip(texts, answers) {
            let found = model.predict(text.whole, k: 5)
            answer.expect(found, within: 1e-5, text.text.prefix(60).debugDescription)
            worst = zip(found, answer.labels).reduce(worst) { max($0, abs($1.0.probability - $1.1.probability)) }
        }
        #expect(worst < 1e-5)
    }

    @Test func describesItself() throws {
        let model = try Lid176.model.get()
        #expect(model.labels.count == 176)
        #expect(model.labels.first == "en")
        #expect(model.dimension == 16)
        #expect(model.wordCount == 7235)
    }

    @Test func aThresholdCutsTheList() throws {
        let model = try Lid176.model.get()
        let all = model.predict("Where is the station?", k: 176)
        let some = model.predict("Where is the station?", k: 176, threshold: 0.01)
        #expect(all.count > some.count)
        #expect(some.map(\.label) == all.filter { $0.probability >= 0.01 }.map(\.label))
    }
}
