package import Foundation
internal import SelfTest
internal import Synchronization
internal import SystemPackage

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
        // Files rather than pipes: no amount of output can block the program.
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("svc-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let files = ["in", "out", "err"].map { directory.appendingPathComponent($0) }
        for file in files { try Data((file == files[0] ? input ?? "" : "").utf8).write(to: file) }
        let descriptors = try files.map { try FileDescriptor.open($0.path, .readWrite) }
        defer { for descriptor in descriptors { try? descriptor.close() } }
        let child = try await ChildProcess(
            program.path, arguments, environment: environment(changes), input: descriptors[0], output: descriptors[1],
            error: descriptors[2])
        Children.add(child.pid)
        let code = await child.end()
        Children.remove(child.pid)
        return Outcome(
            code: code, output: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: files[2]), as: UTF8.self))
    }

    /// Runs a script of Python's to its end on this thread, and fails where that does.
    package static func python(_ script: String, _ arguments: [String]) throws {
        try wait(for: ["python3", "-c", script] + arguments)
    }

    /// Writes a file that is to be run as a program.
    ///
    /// By a process of its own: a child that another test starts meanwhile inherits what this process has open until it
    /// becomes its own program, and Linux runs no file that anybody has open for writing ("Text file busy").
    package static func write(executable text: String, to path: String) throws {
        try wait(for: ["sh", "-c", #"printf %s "$1" > "$2" && chmod 755 "$2""#, "sh", text, path])
    }

    /// Runs a program of the search path to its end on this thread, and fails where that does.
    private static func wait(for words: [String]) throws {
        var pid = pid_t()
        var pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        let refusal = posix_spawnp(&pid, words[0], nil, nil, &pointers, environ)
        guard refusal == 0 else { throw ProgramFailed(words: words, status: refusal) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        guard status == 0 else { throw ProgramFailed(words: words, status: status) }
    }

    private struct ProgramFailed: Error {
        var words: [String]
        var status: Int32
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
