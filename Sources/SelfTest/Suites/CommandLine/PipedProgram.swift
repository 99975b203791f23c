internal import Foundation
internal import Synchronization
internal import SystemPackage

/// The program with pipes that are written and read while it runs, as a shell connects programs.
final class PipedProgram: Sendable {
    private let child: ChildProcess
    private let input: End
    private let output: End
    private let directory: TemporaryDirectory
    private let command: String

    /// An end of a pipe, which is closed once.
    private final class End: Sendable {
        let descriptor: FileDescriptor
        private let isClosed = Mutex(false)

        init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

        func close() {
            let isFirst = isClosed.withLock { closed in
                defer { closed = true }
                return !closed
            }
            if isFirst { try? descriptor.close() }
        }
    }

    /// Starts it, has `body` work with it, and leaves nothing of it, whatever happens.
    static func run<Result>(
        _ program: ProgramUnderTest, _ arguments: [String], _ body: (PipedProgram) async throws -> Result
    ) async throws -> Result {
        let piped = try await PipedProgram(program, arguments)
        do {
            let result = try await body(piped)
            await piped.close()
            return result
        } catch {
            await piped.close()
            throw error
        }
    }

    private func close() async {
        closeInput()
        closeOutput()
        if await child.end(withinSeconds: 1) == nil { await child.stop(graceSeconds: 5) }
        ChildRegistry.shared.remove(child)
        directory.remove()
    }

    private init(
        _ program: ProgramUnderTest, _ arguments: [String], environment: [String: String] = [:]
    ) async throws {
        // A write to a program that has ended is an error here, and not the end of this one.
        signal(SIGPIPE, SIG_IGN)
        directory = try TemporaryDirectory("pipe")
        command = (["svc"] + arguments).joined(separator: " ")
        let (inputEnd, inputStart) = try Self.pipe()
        let (outputEnd, outputStart) = try Self.pipe()
        let error = try directory.create("error")
        (input, output) = (End(inputStart), End(outputEnd))
        defer { for descriptor in [inputEnd, outputStart, error] { try? descriptor.close() } }
        child = try await ChildRegistry.shared.start(
            program.path, arguments, environment: IsolatedEnvironment.variables(environment), input: inputEnd,
            output: outputStart, error: error)
    }

    /// Both ends, which no other program that is started inherits.
    private static func pipe() throws -> (end: FileDescriptor, start: FileDescriptor) {
        let ends = try FileDescriptor.pipe()
        for descriptor in [ends.readEnd, ends.writeEnd] { _ = fcntl(descriptor.rawValue, F_SETFD, FD_CLOEXEC) }
        return (ends.readEnd, ends.writeEnd)
    }

    /// Where a program is that the system has; nil where it has none.
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Writes to its standard input.
    func write(_ bytes: [UInt8]) { _ = try? input.descriptor.writeAll(bytes) }

    /// Ends its standard input.
    func closeInput() { input.close() }

    /// Goes away, as a reader does that has seen enough.
    func closeOutput() { output.close() }

    /// Sends it a signal.
    func send(_ signal: Int32) { child.send(signal) }

    /// Reads from its standard output until so many lines are there, its end, or the time is over.
    func read(lines: Int = .max, timeoutSeconds: Double = 60) async -> [UInt8] {
        let descriptor = output.descriptor.rawValue
        return
            (try? await Blocking.run { flag in
                let began = ContinuousClock.now
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                while bytes.count(where: { $0 == 0x0a }) < lines, !flag.isSet, began.secondsUntilNow < timeoutSeconds {
                    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                    guard poll(&wanted, 1, 100) > 0 else { continue }
                    let count = Foundation.read(descriptor, &buffer, buffer.count)
                    if count <= 0 { break }
                    bytes += buffer[..<count]
                }
                return bytes
            }) ?? []
    }

    /// Waits for its end, and stops it where it does not come.
    ///
    /// - Throws: `CaseFailure` where it had to be stopped.
    func end(withinSeconds limit: Double = 60) async throws -> ProgramOutcome {
        let began = ContinuousClock.now
        let code = await child.end(withinSeconds: limit)
        if code == nil { await child.stop(graceSeconds: 5) }
        ChildRegistry.shared.remove(child)
        let outcome = ProgramOutcome(
            code: await child.end(), output: [], error: directory.bytes("error"), seconds: began.secondsUntilNow,
            command: command)
        guard code != nil else {
            throw CaseFailure(
                "\(command): expected an end within \(limit) s, found it still running", evidence: outcome.evidence)
        }
        return outcome
    }
}
