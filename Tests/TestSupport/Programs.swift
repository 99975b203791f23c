package import Foundation
internal import Synchronization

/// Running the real program, and others, as a user would.
package enum Programs {
    /// The program that was built with these tests.
    package static let svc: URL = {
        let beside = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("svc")
        return FileManager.default.isExecutableFile(atPath: beside.path)
            ? beside : Fixtures.repository.appendingPathComponent(".build/release/svc")
    }()

    /// How a program ended.
    package struct Outcome: Sendable {
        /// Its exit code.
        package var code: Int32
        /// What it wrote to standard output.
        package var output: String
        /// What it wrote to standard error.
        package var error: String
    }

    /// This process' environment without anything that would configure the program, and with `changes`.
    package static func environment(_ changes: [String: String] = [:]) -> [String: String] {
        let own = [
            "MODELS_TO_LOAD", "API_KEY", "SVC_API_KEYS_FILE", "SVC_PORT", "SVC_HOST", "SVC_COMPUTE", "SVC_CPU_ISA",
            "SVC_THREADS", "SVC_MEMORY_BUDGET", "LOG_LEVEL", "MODEL_LOADING_TIMEOUT", "SVC_LOG_FORMAT", "SVC_ON_DEMAND",
        ]
        return ProcessInfo.processInfo.environment.filter { !own.contains($0.key) }.merging(changes) { $1 }
    }

    /// Runs `svc` to its end.
    package static func run(
        _ arguments: [String], input: String? = nil, environment changes: [String: String] = [:]
    ) async throws -> Outcome {
        try await run(svc, arguments, input: input, environment: changes)
    }

    /// Runs a program to its end.
    package static func run(
        _ program: URL, _ arguments: [String], input: String? = nil, environment changes: [String: String] = [:]
    ) async throws -> Outcome {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(with: Result { try runBlocking(program, arguments, input, changes) })
            }
            thread.start()
        }
    }

    private static func runBlocking(
        _ program: URL, _ arguments: [String], _ input: String?, _ changes: [String: String]
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = environment(changes)
        // Files rather than pipes: no amount of output can block the program.
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("svc-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let (inputFile, outputFile, errorFile) = (
            directory.appendingPathComponent("in"), directory.appendingPathComponent("out"),
            directory.appendingPathComponent("err")
        )
        try Data((input ?? "").utf8).write(to: inputFile)
        try Data().write(to: outputFile)
        try Data().write(to: errorFile)
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
        process.waitUntilExit()
        let outcome = Outcome(
            code: process.terminationStatus, output: String(decoding: try Data(contentsOf: outputFile), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self))
        try FileManager.default.removeItem(at: directory)
        return outcome
    }
}

/// Children that must not outlive the tests.
enum Children {
    private static let running = Mutex<Set<Int32>>([])
    private static let atExit: Void = {
        atexit { Children.running.withLock { for pid in $0 { kill(pid, SIGKILL) } } }
    }()

    static func add(_ pid: Int32) {
        _ = atExit
        running.withLock { _ = $0.insert(pid) }
    }

    static func remove(_ pid: Int32) {
        running.withLock { _ = $0.remove(pid) }
    }
}
