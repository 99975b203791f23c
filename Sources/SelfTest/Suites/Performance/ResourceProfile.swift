internal import Foundation

/// What the process takes: memory and processor time, idle and at work.
enum ResourceProfile {
    private static let clients = 4
    private static let workSeconds = 5.0
    private static let sampleSeconds = 0.25

    /// A look at the process.
    private struct Sample: Sendable {
        var at: Double
        var residentMB: Double
        var cpuSeconds: Double
    }

    static func measure(_ context: CaseContext) async throws -> [Figure] {
        guard let process = context.service?.process else {
            throw CaseGated("the process of a service that was running before cannot be looked into")
        }
        let model = try context.theModel(), client = try context.client()
        let generator = LoadGenerator(client: client, query: try PerformanceQueries.query(model))
        _ = try await generator.sequence(count: 20, limit: 2)
        let idle = try await watch(process, seconds: 2) { try await Task.sleep(for: .seconds(2)) }
        let result = LockedValue<LoadGenerator.Result?>(nil)
        let busy = try await watch(process, seconds: workSeconds) {
            result.value = try await generator.run(clients: clients, rampSeconds: 0, windowSeconds: workSeconds)
        }
        guard let first = busy.first, let last = busy.last, last.at > first.at, let work = result.value else {
            throw CaseFailure("expected figures of the process \(process.pid), found none")
        }
        let requests = max(work.units, 1)
        context.note("memory over time: " + series(idle + busy, \.residentMB, "MB"))
        context.note("processor over time: " + cores(idle + busy))
        return [
            Figure("resident_idle", median(idle.map(\.residentMB)), .megabytes, better: .less, slack: 4),
            Figure("resident_busy", median(busy.map(\.residentMB)), .megabytes, better: .less, slack: 4),
            Figure(
                "resident_peak", (idle + busy).map(\.residentMB).max() ?? 0, .megabytes, better: .less, slack: 4),
            Figure("idle_cores", rate(idle), .cores, better: .less, slack: 0.05),
            Figure(
                "processor_per_request", (last.cpuSeconds - first.cpuSeconds) / requests * 1000, .milliseconds,
                better: .less, tolerance: 0.4, slack: 0.1, isProcessorTime: true),
        ]
    }

    /// Looks at the process while something is done.
    private static func watch(
        _ process: ManagedService, seconds: Double, _ work: @escaping @Sendable () async throws -> Void
    ) async throws -> [Sample] {
        let begun = ContinuousClock.now
        @Sendable func look() -> Sample {
            Sample(
                at: (.now - begun) / .seconds(1), residentMB: Double(process.residentBytes()) / 1e6,
                cpuSeconds: process.cpuSeconds())
        }
        let sampler = Task {
            var samples = [look()]
            while !Task.isCancelled {
                do { try await Task.sleep(for: .seconds(sampleSeconds)) } catch { break }
                samples.append(look())
            }
            return samples
        }
        do { try await work() } catch {
            sampler.cancel()
            throw error
        }
        let last = look()
        sampler.cancel()
        return await sampler.value + [last]
    }

    private static func median(_ values: [Double]) -> Double { SampleSet(values).median }

    private static func rate(_ samples: [Sample]) -> Double {
        guard let first = samples.first, let last = samples.last, last.at > first.at else { return 0 }
        return (last.cpuSeconds - first.cpuSeconds) / (last.at - first.at)
    }

    /// About ten values of a series.
    private static func series(_ samples: [Sample], _ value: (Sample) -> Double, _ unit: String) -> String {
        let step = max(1, samples.count / 10)
        let shown = stride(from: 0, to: samples.count, by: step).map { Figure.number(value(samples[$0])) }
        return shown.joined(separator: " ") + " " + unit
    }

    /// Cores in use between each look and one a second later.
    private static func cores(_ samples: [Sample]) -> String {
        let step = max(1, Int(1 / sampleSeconds))
        let shown = stride(from: 0, to: max(samples.count - step, 0), by: step).compactMap { index -> String? in
            let (from, to) = (samples[index], samples[index + step])
            guard to.at > from.at else { return nil }
            return String(format: "%.1f", (to.cpuSeconds - from.cpuSeconds) / (to.at - from.at))
        }
        return shown.joined(separator: " ") + " cores"
    }
}
