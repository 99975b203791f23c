import Foundation
import SelfTest

/// Measures series point by point, each with this program as a child.
struct GrowthMeasurement: Sendable {
    let program: OwnProgram
    let plan: GrowthPlan
    let threads: Int
    /// The directory of an encoder-decoder; nil for `firefox-en-pt`.
    let checkpoint: String?
    /// Whether `firefox-en-pt` is on this machine.
    let hasFirefox: Bool
    /// A language model: its name, or the path of its file.
    let model: String
    /// The file of its weights; nil where it is not on this machine.
    let weights: String?
    /// Is told what is about to run, and how much of the whole is done.
    var progress: @Sendable (String, Double) -> Void = { _, _ in }

    private static let firefox = "firefox-en-pt"
    /// Lengths where something else grows.
    private static let (sourceTokens, targetTokens) = (25, 30)

    /// All series, in this order. What cannot be measured has the reason instead.
    func run(_ kinds: [GrowthPlan.Kind]) async -> [GrowthSeries] {
        let total = Double(max(1, kinds.reduce(0) { $0 + plan.work($1).count }))
        var series: [GrowthSeries] = []
        var done = 0
        for kind in kinds {
            var points: [GrowthSeries.Point] = []
            var problem: RowProblem?
            do {
                if let obstacle = obstacle(kind) { throw RowProblem.absent(obstacle) }
                for work in try await amounts(kind) {
                    progress("\(kind.title): \(work) \(kind.unit)", Double(done) / total)
                    points.append(try await point(kind, work))
                    done += 1
                }
            } catch let reason as RowProblem {
                problem = reason
            } catch {
                problem = .failed("\(error)")
            }
            series.append(GrowthSeries(plan: kind, points: points, problem: problem))
        }
        return series
    }

    private func obstacle(_ kind: GrowthPlan.Kind) -> String? {
        switch kind {
        case .sentence, .batch:
            checkpoint == nil && !hasFirefox
                ? "\(Self.firefox) is not on this machine: svc pull \(Self.firefox), or name a --checkpoint" : nil
        case .prompt, .streams, .models: weights == nil ? "\(model) is not on this machine: svc pull \(model)" : nil
        }
    }

    private struct Shown: Decodable {
        struct Inspection: Decodable { var contextTokens: Int? }
        var inspection: Inspection?
    }

    /// Of prompts, those that the model's context holds.
    private func amounts(_ kind: GrowthPlan.Kind) async throws -> [Int] {
        guard kind == .prompt else { return plan.work(kind) }
        let shown: Shown = try await program.data(["show", weights ?? model])
        guard let context = shown.inspection?.contextTokens else { return plan.work(kind) }
        let fitting = plan.work(kind).filter { $0 + 2 <= context }
        guard fitting.count >= 2 else {
            throw RowProblem.absent("the context of \(model) has \(context) tokens")
        }
        return fitting
    }

    private func point(_ kind: GrowthPlan.Kind, _ work: Int) async throws -> GrowthSeries.Point {
        switch kind {
        case .sentence: return .init(work: Double(work), seconds: try await sentence(work))
        case .batch: return .init(work: Double(work), seconds: try await batch(work))
        case .prompt:
            let figures = try await generate(["--prompt-tokens", "\(work)", "--decode-tokens", "2"])
            return .init(work: Double(work), seconds: Double(work) / figures.prefillTokensPerSecond)
        case .streams:
            let figures = try await generate(
                ["--prompt-tokens", "4", "--decode-tokens", plan.isQuick ? "16" : "48", "--streams", "\(work)"])
            return .init(work: Double(work), seconds: Double(work) / figures.decodeTokensPerSecond)
        case .models: return try await models(work)
        }
    }

    // MARK: Translation

    private func sentence(_ length: Int) async throws -> Double {
        if let checkpoint { return try await tokens(checkpoint, batch: 1, source: length, target: length) }
        let figures = try await translate(
            BenchTexts.lines(plan.isQuick ? 20 : 50, words: length), length: length, singles: 50, repetitions: 1)
        return figures.singleMsP50 / 1000
    }

    private func batch(_ sentences: Int) async throws -> Double {
        if let checkpoint {
            return try await tokens(
                checkpoint, batch: sentences, source: Self.sourceTokens, target: Self.targetTokens)
        }
        let figures = try await translate(
            BenchTexts.lines(sentences, words: Self.sourceTokens), length: Self.targetTokens, singles: 0,
            repetitions: plan.isQuick ? 10 : 30)
        return Double(figures.words) / figures.wordsPerSecond
    }

    private func translate(
        _ text: String, length: Int, singles: Int, repetitions: Int
    ) async throws -> TranslateFigures {
        let file = try program.scratch.write(text)
        defer { try? FileManager.default.removeItem(atPath: file) }
        return try await program.data([
            "bench", "translate", Self.firefox, "--input", file, "--threads", "\(threads)", "--min-length", "\(length)",
            "--max-length", "\(length)", "--singles", "\(singles)", "--repetitions", "\(repetitions)",
        ])
    }

    private func tokens(_ checkpoint: String, batch: Int, source: Int, target: Int) async throws -> Double {
        let figures: TokensFigures = try await program.data([
            "bench", "tokens", checkpoint, "--threads", "\(threads)", "--load", "\(batch)", "--source-tokens",
            "\(source)", "--target-tokens", "\(target)", "--repetitions", plan.isQuick ? "1" : "3",
        ])
        guard let rate = figures.rates.first?.targetTokensPerSecond, rate > 0 else {
            throw RowProblem.failed("svc bench tokens \(checkpoint) gives no rate")
        }
        return Double(batch * target) / rate
    }

    // MARK: Generation

    private func generate(_ arguments: [String]) async throws -> GenerateFigures {
        let figures: GenerateFigures = try await program.data(
            ["bench", "generate", weights ?? model, "--threads", "\(threads)", "--repeat", plan.isQuick ? "1" : "3"]
                + arguments)
        guard figures.prefillTokensPerSecond > 0, figures.decodeTokensPerSecond > 0 else {
            throw RowProblem.failed("svc bench generate \(model) gives no rate")
        }
        return figures
    }

    // MARK: Models

    /// The same file under so many names: each is a model of its own to the service.
    private func models(_ count: Int) async throws -> GrowthSeries.Point {
        let source = URL(fileURLWithPath: weights ?? model).resolvingSymlinksInPath().path
        let links = (0..<count).map { _ in program.scratch.newFile(".gguf") }
        defer { for link in links { try? FileManager.default.removeItem(atPath: link) } }
        for link in links { try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: source) }
        var seconds: [Double] = []
        var residentBytes = 0
        for _ in 0..<(plan.isQuick ? 1 : 5) {
            let (time, bytes) = try await BenchService(program).with(links, threads: threads) { service, seconds in
                (seconds, service.residentBytes())
            }
            seconds.append(time)
            residentBytes = bytes
        }
        return GrowthSeries.Point(work: Double(count), seconds: Median.of(seconds), residentBytes: residentBytes)
    }
}
