internal import Foundation
internal import SelfTest

/// The load generator `wrk`.
struct Wrk {
    private let program: ProgramUnderTest

    /// The one that is installed; nil where none is.
    static var installed: Wrk? {
        let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        let path = directories.map { $0 + "/wrk" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        return path.map { Wrk(program: ProgramUnderTest(path: $0)) }
    }

    /// Requests a second of 64 connections that ask without a pause.
    ///
    /// - Throws: `Failure` where an answer is an error, or what it says cannot be read.
    func rate(_ address: String, script: String?, seconds: Int) async throws -> Double {
        let script = script.map { ["-s", $0] } ?? []
        let outcome = try await program.run(["-t2", "-c64", "-d\(seconds)s"] + script + [address])
        let text = outcome.outputText
        guard outcome.code == 0, !text.contains("Non-2xx"), !text.contains("Socket errors"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Requests/sec:") }),
            let rate = line.split(separator: " ").last.flatMap({ Double($0) })
        else { throw Failure(output: text + outcome.errorText) }
        return rate
    }

    /// A measurement that measured nothing, or errors.
    struct Failure: Error, CustomStringConvertible {
        var output: String
        var description: String { "wrk: \(output)" }
    }
}
