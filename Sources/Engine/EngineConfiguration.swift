package import Architectures
package import Compute
internal import Foundation

/// What the engine is told at its start.
package struct EngineConfiguration: Sendable {
    /// What a request does whose model is not in memory yet.
    package enum OnDemand: String, Sendable, CaseIterable {
        /// Start loading and wait, up to `onDemandWaitSeconds`.
        case wait
        /// Start loading and answer 503 with `Retry-After` at once.
        case reject
        /// Never load on request: only what was asked for at the start or through /models/{name}/load.
        case never
    }

    /// What the service does about newer revisions of its models by itself.
    package enum Updates: String, Sendable, CaseIterable {
        /// Nothing.
        case off
        /// It says that there is one.
        case check
        /// It changes over.
        case apply
    }

    /// Inference threads.
    package var threads: Int
    /// Bytes that loaded models may take together.
    package var memoryBudgetBytes: Int
    /// Models to load at the start: names of the catalogue, or paths.
    package var models: [String] = []
    /// What a request does whose model is not in memory.
    package var onDemand = OnDemand.wait
    /// How long such a request waits.
    package var onDemandWaitSeconds = 60.0
    /// Whether models that are not on this machine are downloaded.
    package var downloads = true
    /// Who stands in for a model, best first, by its name; they come before those of the catalogue.
    package var standIns: [String: [String]] = [:]
    /// How often the files of loaded models are hashed again and asked a question whose answer is known; 0 for never.
    package var checkIntervalSeconds = 6 * 3600.0
    /// How long the second repair waits; each further one waits twice as long.
    package var repairDelaySeconds = 30.0
    /// Repairs that are tried before a person is needed.
    package var repairAttempts = 3
    /// What is done about newer revisions.
    package var updates = Updates.off
    /// How often newer revisions are looked for.
    package var updateIntervalSeconds = 24 * 3600.0
    /// Models that are downloaded at once.
    package var concurrentDownloads = 2
    /// How long a model may take to get ready, downloads included.
    package var loadingTimeoutSeconds = 900.0
    /// Whether the progress of loading is logged every 30 seconds.
    package var logsProgress = true
    /// What becomes of the weights of float checkpoints; nil to compute with them as they are stored.
    package var quantization: PackedWeights.Quantization?
    /// Where quantised weights are kept for the next start, in a directory for each model; nil to keep none.
    package var packedDirectory: String?
    /// Who does the arithmetic.
    package var backend: ComputeBackend

    /// The defaults for this machine.
    package init(
        threads: Int = MachineProcessors.count, memoryBudgetBytes: Int? = nil,
        backend: ComputeBackend = ComputeBackend()
    ) {
        self.threads = threads
        self.memoryBudgetBytes = memoryBudgetBytes ?? MachineMemory.totalBytes / 10 * 7
        self.backend = backend
    }
}

/// What memory this process may use, and uses.
package enum MachineMemory {
    /// The machine's memory, or the limit of the control group that this process is in, whichever is less.
    package static var totalBytes: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap { path in
            (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        return limits.reduce(physical) { $1 > 0 ? min($0, $1) : $0 }
    }

    /// The resident memory of this process; 0 where it cannot be read.
    package static var residentBytes: Int {
        guard let statm = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let fields = statm.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// The processors that this process may use.
package enum MachineProcessors {
    /// Those that its affinity allows, and no more than the control group's quota comes to.
    package static let count: Int = {
        var count = ProcessInfo.processInfo.activeProcessorCount
        if let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") })
        {
            let allowed = line.dropFirst("Cpus_allowed_list:".count).split(separator: ",").reduce(0) { total, part in
                let bounds = part.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
                guard let first = bounds.first, let last = bounds.last else { return total }
                return total + last - first + 1
            }
            if allowed > 0 { count = min(count, allowed) }
        }
        if let quota = try? String(contentsOfFile: "/sys/fs/cgroup/cpu.max", encoding: .utf8) {
            let numbers = quota.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
            if numbers.count == 2, numbers[1] > 0 { count = min(count, Int((numbers[0] / numbers[1]).rounded(.up))) }
        }
        return max(1, count)
    }()
}
