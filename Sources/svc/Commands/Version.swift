import ArgumentParser
import Compute
import Engine
import Foundation

/// `svc version`
struct Version: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the version and what this machine offers.")

    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var version: String
        var instructionSet: String
        var compute: String
        var openblas: String
        var processors: Int
    }

    func run() async throws {
        let backend = try ComputeBackend(environment: ProcessInfo.processInfo.environment)
        let answer = Answer(
            version: svcVersion, instructionSet: backend.instructionSet.rawValue, compute: backend.products.rawValue,
            openblas: OpenBLAS.configuration, processors: MachineProcessors.count)
        try Output.succeed("version", answer, json: output.json) {
            "svc \(answer.version)\ninstruction set \(answer.instructionSet), compute \(answer.compute), "
                + "\(answer.processors) processors\n\(answer.openblas)"
        }
    }
}
