import Foundation
import Synchronization
import TestSupport

/// A running `svc` whose standard input is written, and whose output is read, while it runs.
///
/// `@unchecked Sendable`: the process is only started, sent signals and waited for.
final class InteractiveProgram: @unchecked Sendable {
    private let process = Process()
    private let input: FileHandle
    private let output = Pipe()
    private let error = Pipe()
    /// The terminal's side that a person would sit at; nil where input is a pipe.
    private let terminal: FileHandle?
    private let outputText = Mutex(Data())
    private let errorText = Mutex(Data())

    /// Starts it. With a terminal, both standard input and standard error are one.
    init(_ arguments: [String], onTerminal: Bool = false) throws {
        var programsSide: FileHandle?
        process.executableURL = Programs.svc
        process.arguments = arguments
        process.environment = Programs.environment()
        process.standardOutput = output
        if onTerminal {
            let (user, program) = try Self.openTerminal()
            terminal = user
            input = user
            programsSide = program
            process.standardInput = program
            process.standardError = program
        } else {
            let pipe = Pipe()
            terminal = nil
            input = pipe.fileHandleForWriting
            process.standardInput = pipe
            process.standardError = error
        }
        try process.run()
        // The terminal ends with the program, which must be the last to have it open.
        try programsSide?.close()
        gather(output.fileHandleForReading) { [self] bytes in outputText.withLock { $0.append(bytes) } }
        gather(terminal ?? error.fileHandleForReading) { [self] bytes in errorText.withLock { $0.append(bytes) } }
    }

    private static func openTerminal() throws -> (user: FileHandle, program: FileHandle) {
        var (user, program): (Int32, Int32) = (0, 0)
        guard openpty(&user, &program, nil, nil, nil) == 0 else { throw POSIXError(.ENOTTY) }
        return (FileHandle(fileDescriptor: user), FileHandle(fileDescriptor: program))
    }

    /// On a thread of its own until the end, or until somebody closes it.
    private func gather(_ handle: FileHandle, _ append: @escaping @Sendable (Data) -> Void) {
        let thread = Thread {
            // What there is, at once: FileHandle would wait for as much as was asked for.
            var bytes = [UInt8](repeating: 0, count: 1 << 12)
            while true {
                let count = read(handle.fileDescriptor, &bytes, bytes.count)
                guard count > 0 else { return }
                append(Data(bytes[..<count]))
            }
        }
        thread.start()
    }

    /// What it wrote to standard output so far.
    var outputSoFar: String { String(decoding: outputText.withLock { $0 }, as: UTF8.self) }

    /// What it wrote to standard error so far; on a terminal, what that shows.
    var errorSoFar: String { String(decoding: errorText.withLock { $0 }, as: UTF8.self) }

    func type(_ text: String) throws { try input.write(contentsOf: Data(text.utf8)) }

    func closeInput() throws { try input.close() }

    func interrupt() { kill(process.processIdentifier, SIGINT) }

    /// Waits until something holds.
    ///
    /// - Throws: what was written instead.
    func wait(for what: String, seconds: Double = 120, until isMet: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !isMet() {
            guard ContinuousClock.now < deadline else {
                throw NeverCame(what: what, output: outputSoFar, error: errorSoFar)
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Waits for the end. Returns the exit code; a signal's number, negative, where one killed it.
    ///
    /// - Throws: what was written if it does not end.
    func end(seconds: Double = 120) async throws -> Int32 {
        do {
            try await wait(for: "the end", seconds: seconds) { !process.isRunning }
        } catch {
            kill(process.processIdentifier, SIGKILL)
            throw error
        }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    private struct NeverCame: Error, CustomStringConvertible {
        var what: String
        var output: String
        var error: String
        var description: String { "\(what) never came; output:\n\(output)\nerror:\n\(error)" }
    }
}
