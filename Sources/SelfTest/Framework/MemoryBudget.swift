internal import Foundation

/// How much memory the models of a run may take. The share grows with the machine: a small one has little to spare
/// beside its system and its other programs.
package struct MemoryBudget: Sendable, Equatable {
    /// Bytes of the machine, or of the control group that this process is in.
    package var totalBytes: Int
    /// The share of them that models may take.
    package var share: Double

    /// The budget of a machine with so much memory.
    package init(totalBytes: Int) {
        self.totalBytes = totalBytes
        share =
            switch totalBytes {
            case ..<(32 << 30): 0.4
            case ..<(64 << 30): 0.5
            case ..<(96 << 30): 0.6
            default: 0.7
            }
    }

    /// The budget of this machine.
    package static func ofThisMachine() -> MemoryBudget {
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap { path in
            (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        return MemoryBudget(totalBytes: min(Int(ProcessInfo.processInfo.physicalMemory), limits.min() ?? .max))
    }

    /// Bytes that models may take.
    package var bytes: Int { Int(Double(totalBytes) * share) }

    /// `9.4 GB (40 % of 23.5 GB)`
    package var description: String {
        "\(Self.text(bytes)) (\(Int((share * 100).rounded())) % of \(Self.text(totalBytes)))"
    }

    /// Bytes in the unit that people use for memory.
    static func text(_ bytes: Int) -> String {
        bytes >= 1 << 30
            ? String(format: "%.1f GB", Double(bytes) / Double(1 << 30)) : "\((bytes + (1 << 19)) >> 20) MB"
    }
}
