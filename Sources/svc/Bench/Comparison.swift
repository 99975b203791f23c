import Foundation

/// What a row came to.
struct ComparisonResult: Sendable {
    /// The figures of one round.
    struct Pair: Sendable, Encodable {
        var ours: Double
        var theirs: Double
        var ratio: Double { theirs > 0 ? ours / theirs : 0 }
    }

    enum State: String, Sendable, Encodable {
        case holds
        case missed
        case notMeasured = "not_measured"
        case failed
    }

    let row: ComparisonRow
    /// One for each round that gave both figures.
    let rounds: [Pair]
    let state: State
    /// Why there is no verdict.
    let reason: String?
    /// Our figure where there is none to hold it against.
    private let alone: Double?

    var ours: Double? { median(\.ours) ?? alone }
    var theirs: Double? { median(\.theirs) }
    /// The ratio of the medians.
    var ratio: Double? { ours.flatMap { ours in theirs.flatMap { $0 > 0 ? ours / $0 : nil } } }
    /// The smallest and the largest ratio of a round.
    var spread: ClosedRange<Double>? {
        let ratios = rounds.map(\.ratio)
        guard let low = ratios.min(), let high = ratios.max() else { return nil }
        return low...high
    }

    private func median(_ value: (Pair) -> Double) -> Double? { rounds.isEmpty ? nil : Median.of(rounds.map(value)) }

    init(_ row: ComparisonRow, rounds: [Pair], problem: RowProblem?, alone: Double? = nil) {
        (self.row, self.rounds, self.alone) = (row, rounds, alone)
        let (ours, theirs) = (Median.of(rounds.map(\.ours)), Median.of(rounds.map(\.theirs)))
        switch problem {
        case .absent(let text): (state, reason) = (.notMeasured, text)
        case .failed(let text): (state, reason) = (.failed, text)
        case nil where rounds.isEmpty: (state, reason) = (.notMeasured, "no round gave both figures")
        case nil: (state, reason) = (row.target.holds(theirs > 0 ? ours / theirs : 0) ? .holds : .missed, nil)
        }
    }
}

/// Why a row has no figures.
enum RowProblem: Error, Sendable {
    /// What it needs is not there.
    case absent(String)
    /// Something that was run went wrong.
    case failed(String)
}

/// Measures rows in rounds. Within a round a trial runs once, whichever rows want it, and next to the one that it is
/// held against; the order of the two changes from round to round.
struct Comparison {
    let rows: [ComparisonRow]
    let rounds: Int
    /// Gives the figures of a trial.
    let measure: (Trial) async throws -> [Figure]
    /// Is told what is about to run, and how much of the whole is done.
    var progress: (String, Double) -> Void = { _, _ in }

    /// What is known of a trial in a round.
    private typealias Outcome = Result<[Figure], RowProblem>

    func run() async -> [ComparisonResult] {
        var pairs = [[ComparisonResult.Pair]](repeating: [], count: rows.count)
        var alone = [Double?](repeating: nil, count: rows.count)
        var problems: [RowProblem?] = rows.map { $0.obstacle.map(RowProblem.absent) }
        // What went wrong once is not tried again: a peer that hangs would hang in every round.
        var broken: [Trial: RowProblem] = [:]
        let total = Double(
            max(1, rounds * Set(measurable(problems).flatMap { [$0.ours.trial, $0.theirs.trial] }).count))
        var done = 0
        for round in 0..<rounds {
            var known: [Trial: Outcome] = [:]
            for (index, row) in rows.enumerated() where problems[index] == nil {
                let readings = [row.ours, row.theirs]
                for reading in round.isMultiple(of: 2) ? readings : readings.reversed() {
                    let trial = reading.trial
                    guard known[trial] == nil else { continue }
                    if let problem = broken[trial] {
                        known[trial] = .failure(problem)
                        continue
                    }
                    progress("round \(round + 1) of \(rounds): \(trial.label)", Double(done) / total)
                    known[trial] = await outcome(trial)
                    done += 1
                    if case .failure(let problem) = known[trial] { broken[trial] = problem }
                }
                do throws(RowProblem) {
                    let ours = try value(row.ours, row, known)
                    alone[index] = ours
                    pairs[index].append(.init(ours: ours, theirs: try value(row.theirs, row, known)))
                } catch {
                    problems[index] = error
                }
            }
        }
        return rows.indices.map {
            ComparisonResult(rows[$0], rounds: pairs[$0], problem: problems[$0], alone: alone[$0])
        }
    }

    private func measurable(_ problems: [RowProblem?]) -> [ComparisonRow] {
        zip(rows, problems).filter { $0.1 == nil }.map(\.0)
    }

    private func outcome(_ trial: Trial) async -> Outcome {
        do {
            return .success(try await measure(trial))
        } catch {
            return .failure(.failed("\(error)"))
        }
    }

    private func value(_ reading: Reading, _ row: ComparisonRow, _ known: [Trial: Outcome]) throws(RowProblem) -> Double
    {
        let figures = try known[reading.trial]?.get() ?? []
        let name = reading.metric + (reading.variant.map { " of …/\($0)" } ?? "")
        guard let figure = figures.figure(reading.metric, variant: reading.variant) else {
            throw RowProblem.absent("\(reading.trial.name) says nothing of \(name)")
        }
        guard figure.unit == row.unit else {
            throw RowProblem.failed(
                "\(reading.trial.name) gives \(name) in \(figure.unit); expected \(row.unit)")
        }
        return figure.value
    }
}
