internal import Foundation

/// What kind of machine a service runs on: figures of one kind say nothing about another.
package struct MachineType: Sendable, Equatable, Hashable, Codable {
    /// The processor's name.
    package var processor: String
    /// The threads that the service computes with: the cores, or as many as it may use.
    package var cores: Int
    /// Memory, to the next gigabyte.
    package var memoryGB: Int
    /// The instruction set that the service has chosen.
    package var instructionSet: String

    private enum CodingKeys: String, CodingKey {
        case processor, cores
        case memoryGB = "memory_gb"
        case instructionSet = "instruction_set"
    }

    /// A kind of machine.
    package init(processor: String, cores: Int, memoryGB: Int, instructionSet: String) {
        (self.processor, self.cores, self.memoryGB) = (processor, cores, memoryGB)
        self.instructionSet = instructionSet
    }

    /// This machine, with what a service on it says of itself.
    ///
    /// - Throws: `ServiceClient.Failure`, `CaseFailure`.
    package static func current(_ client: ServiceClient) async throws -> MachineType {
        let version = try await client.request("GET", "/version").expecting(status: 200).json()
        let bytes = Double(ProcessInfo.processInfo.physicalMemory)
        return MachineType(
            processor: processorName(), cores: try version["threads"].int,
            memoryGB: Int((bytes / 1_073_741_824).rounded()),
            instructionSet: try version["instruction_set"].string)
    }

    /// `AMD EPYC, 2 cores, 24 GB, avx512vnni`
    package var text: String {
        "\(processor), \(cores) \(cores == 1 ? "core" : "cores"), \(memoryGB) GB, \(instructionSet)"
    }

    /// The processor's name: of x86 in words, of others by the numbers of maker and part.
    static func processorName(_ cpuinfo: String? = nil) -> String {
        let text = cpuinfo ?? (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2, fields[parts[0]] == nil { fields[parts[0]] = parts[1] }
        }
        if let name = fields["model name"] {
            return name.split(separator: " ").joined(separator: " ")
        }
        if let maker = fields["CPU implementer"], let part = fields["CPU part"] { return "CPU \(maker) part \(part)" }
        return "unknown processor"
    }
}
