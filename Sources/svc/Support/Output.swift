import ArgumentParser
import Foundation
import Synchronization

/// Where a command's words go: answers to standard output, everything for people's eyes only to standard error, and
/// with --json one object on standard output and nothing else there.
enum Output {
    private struct Failure: Encodable {
        var type: String
        var message: String
    }

    private struct Envelope<Value: Encodable>: Encodable {
        var status: String
        var command: String
        var data: Value?
        var error: Failure?

        enum CodingKeys: String, CodingKey { case status, command, data, error }

        // All four keys, always: null where there is nothing.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(status, forKey: .status)
            try container.encode(command, forKey: .command)
            try container.encode(data, forKey: .data)
            try container.encode(error, forKey: .error)
        }
    }

    private static func encoded(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// Ends a command well: its data as JSON, or `text` for people.
    static func succeed(_ command: String, _ data: some Encodable, json: Bool, text: () -> String) throws {
        let line = json ? try encoded(Envelope(status: "ok", command: command, data: data, error: nil)) : text()
        write(line.hasSuffix("\n") || line.isEmpty ? line : line + "\n")
    }

    /// Ends the process after a failure that there is data about: with --json both in one object, else `text`.
    static func end(
        _ command: String, _ data: some Encodable, failure: CommandFailure, json: Bool, text: () -> String
    ) throws -> Never {
        let error = Failure(type: failure.type, message: failure.message)
        write(
            json
                ? try encoded(Envelope(status: "error", command: command, data: data, error: error)) + "\n" : text())
        leave(failure.code.rawValue)
    }

    /// Ends the process after a failure, or after an answer of the parser such as --help.
    static func end(command: String, failure: CommandFailure, json: Bool) -> Never {
        if let answer = failure.answer {
            write(answer + "\n")
            leave(0)
        }
        if json {
            let envelope = Envelope<String>(
                status: "error", command: command, data: nil,
                error: .init(type: failure.type, message: failure.message))
            write(((try? encoded(envelope)) ?? "{}") + "\n")
        } else {
            note(failure.isParsed ? failure.message : "svc: \(failure.message)")
        }
        leave(failure.code.rawValue)
    }

    /// Ends the process with what it has written, and without the exit handlers of libraries: those take down what
    /// transfers and inference still use on threads of their own, which can end a command that did all it should with a
    /// signal.
    static func leave(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }

    /// Writes to standard output at once. A reader that has gone away wants no more: the program ends, quietly and well.
    static func write(_ text: String) {
        switch writeAll(Array(text.utf8), to: STDOUT_FILENO) {
        case 0: return
        case EPIPE: _exit(0)
        case let code:
            note("svc: standard output cannot be written: \(String(cString: strerror(code)))")
            _exit(CommandFailure.Code.failed.rawValue)
        }
    }

    /// Writes to standard output, for a command that has more to do than to be read. Returns whether anybody can read
    /// it any more.
    static func writeIfRead(_ text: String) -> Bool { writeAll(Array(text.utf8), to: STDOUT_FILENO) == 0 }

    /// A line for people, on standard error.
    static func note(_ text: String) {
        prompt(text + "\n")
    }

    /// Text for people that does not end a line. There is nobody to tell where standard error is closed.
    static func prompt(_ text: String) {
        _ = writeAll(Array(text.utf8), to: STDERR_FILENO)
    }

    /// Whether a person watches standard error.
    static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }
}

/// A bar on standard error that is redrawn in place; nothing where no person watches.
struct ProgressBar: Sendable {
    private let isShown: Bool

    init(json: Bool) { isShown = Output.isInteractive && !json }

    /// Draws the state: a label, and the share from 0 to 1 where it is known.
    func draw(_ label: String, _ fraction: Double?, _ detail: String = "") {
        guard isShown else { return }
        let width = 24
        let bar: String
        if let fraction {
            let filled = Int((Double(width) * max(0, min(1, fraction))).rounded())
            bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        } else {
            bar = String(repeating: "·", count: width)
        }
        FileHandle.standardError.write(Data("\r\u{1b}[K\(label) \(bar) \(detail)".utf8))
    }

    /// Removes the bar.
    func clear() {
        guard isShown else { return }
        FileHandle.standardError.write(Data("\r\u{1b}[K".utf8))
    }
}

/// Writes all of it. Returns 0, or the error's number.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    bytes.withUnsafeBytes { buffer in
        var rest = buffer[...]
        while !rest.isEmpty {
            let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN {
                // Somebody else has made the terminal or pipe non-blocking for all who share it.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wanted, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}

/// Ctrl-C ends a command with code 130, unless the command has something better to do with it; `svc serve` handles
/// signals itself.
enum Interruption {
    private nonisolated(unsafe) static var source: (any DispatchSourceSignal)?
    private static let handler = Mutex<(@Sendable () -> Void)?>(nil)

    static func install() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { (handler.withLock { $0 } ?? end)() }
        source.resume()
        self.source = source
    }

    /// Ends the program at once: the inference threads are not waited for.
    static func end() { _exit(CommandFailure.Code.interrupted.rawValue) }

    /// Has `body` called for each Ctrl-C, on a thread like any other, instead of ending the program.
    static func handle(_ body: @escaping @Sendable () -> Void) { handler.withLock { $0 = body } }

    /// Leaves SIGINT to somebody else.
    static func remove() {
        source?.cancel()
        source = nil
    }
}
