import ArgumentParser
import Foundation

/// The version of the program.
let svcVersion = "0.1.0"

/// The command line: each command is a thin layer over the engine, the hub or a running service.
@main
struct Svc: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "svc", abstract: "Translation, chat and language identification on your own CPUs.",
        discussion: """
            Every command takes --json: one object on standard output, and nothing else there.
            Exit codes: 0 done, 1 failed, 2 bad usage, 3 model not found, 4 network, 5 permission, 6 integrity, \
            7 out of memory budget, 130 interrupted.
            """,
        version: svcVersion,
        subcommands: [
            Serve.self, Run.self, Translate.self, Detect.self, List.self, Show.self, Pull.self, Verify.self,
            Remove.self,
            Gc.self, Update.self, Rollback.self, Pin.self, Usage.self, Ps.self, Health.self, Selftest.self, Bench.self,
            Version.self,
        ])

    /// Parses and runs, with this program's own exit codes for usage errors.
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let json = arguments.contains("--json")
        Interruption.install()
        do {
            var command = try parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            var error = error
            if json, exitCode(for: error) == .validationFailure {
                // What is wrong is not that the command line ends in --json: the parser names only the first surprise.
                do { _ = try parseAsRoot(arguments.filter { $0 != "--json" }) } catch let other { error = other }
            }
            let words = arguments.prefix { !$0.hasPrefix("-") }
            let name = words.prefix(words.first == "bench" ? 2 : 1).joined(separator: " ")
            let cause = error
            let failure = CommandFailure(
                cause, usage: { fullMessage(for: $0) }, parserCode: exitCode(for: cause).rawValue)
            Output.end(command: name.isEmpty ? "svc" : name, failure: failure, json: json)
        }
        Output.leave(0)
    }
}
