import Foundation
import SelfTest
import Synchronization
import SystemPackage
import TestSupport

/// A running `svc` whose standard input is written, and whose output is read, while it runs.
///
/// `@unchecked Sendable`: the process is only started, sent signals and waited for.
final class InteractiveProgram: @unchecked Sendable {
    private let process: ChildProcess
    private let input: FileHandle
    private let output = Pipe()
    private let error = Pipe()
    /// The terminal's side that a person would sit at; nil where input is a pipe.
    private let terminal: FileHandle?
    private let outputText = Mutex(Data())
    private let errorText = Mutex(Data())

    /// Starts it. With a terminal, both standard input and standard error are one.
    init(_ arguments: [String], onTerminal: Bool = false) async throws {
        let programsInput: FileHandle
        let programsError: FileHandle
        if onTerminal {
            let (user, program) = try Self.openTerminal()
            terminal = user
            input = user
            (programsInput, programsError) = (program, program)
        } else {
            let pipe = Pipe()
            terminal = nil
            input = pipe.fileHandleForWriting
            (programsInput, programsError) = (pipe.fileHandleForReading, error.fileHandleForWriting)
        }
        func descriptor(_ handle: FileHandle) -> FileDescriptor { FileDescriptor(rawValue: handle.fileDescriptor) }
        process = try await ChildProcess(
            Programs.svc.path, arguments, environment: Programs.environment(), input: descriptor(programsInput),
            output: descriptor(output.fileHandleForWriting), error: descriptor(programsError))
        // They end with the program, which must be the last to have them open.
        try programsInput.close()
        try output.fileHandleForWriting.close()
        if !onTerminal { try programsError.close() }
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

    func interrupt() { process.send(SIGINT) }

    /// Waits until something holds.
    ///
    /// - Throws: what was written instead.
    func wait(for what: String, seconds: Double = 120, until isMet: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            // Asked first: what holds now counts, however long this task had to wait for its turn.
            let isOver = ContinuousClock.now > deadline
            if isMet() { return }
            if isOver { throw NeverCame(what: what, output: outputSoFar, error: errorSoFar) }
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
            process.send(SIGKILL)
            throw error
        }
        return await process.end()
    }

    private struct NeverCame: Error, CustomStringConvertible {
        var what: String
        var output: String
        var error: String
        var description: String { "\(what) never came; output:\n\(output)\nerror:\n\(error)" }
    }
}
