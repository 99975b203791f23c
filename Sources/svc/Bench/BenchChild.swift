import Foundation
import SelfTest
import Synchronization
import SystemPackage

/// A program that is run to its end, for what it writes and for how long it takes.
struct BenchChild: Sendable {
    /// How it ended.
    struct Outcome: Sendable {
        /// The exit code, or the number of the signal that ended it, negative.
        var code: Int32
        /// Standard output, at most `outputLimitBytes` of it.
        var output: String
        /// The end of standard error.
        var error: String
        /// From the moment before it was started to its end.
        var seconds: Double
    }

    enum Failure: Error, Equatable, CustomStringConvertible {
        case cannotStart(program: String, reason: String)
        case late(program: String, seconds: Double)
        case tooMuchOutput(program: String)

        var description: String {
            switch self {
            case .cannotStart(let program, let reason): "\(program) cannot be started: \(reason)"
            case .late(let program, let seconds):
                "\(program) had not ended after \(String(format: "%g", seconds)) s and was stopped; --timeout gives it longer"
            case .tooMuchOutput(let program):
                "\(program) wrote more than \(BenchChild.outputLimitBytes >> 20) MB to standard output"
            }
        }
    }

    static let outputLimitBytes = 4 << 20
    private static let errorLimitBytes = 2000
    private static let graceSeconds = 2.0
    private static let running = Mutex<[Int32: ChildProcess]>([:])

    var executable: String
    var arguments: [String]
    var environment: [String: String]
    var limitSeconds: Double

    /// Runs it.
    ///
    /// - Parameter scratch: where its output lies meanwhile: files rather than pipes, so that no amount blocks it.
    /// - Throws: `Failure`.
    func run(_ scratch: ScratchDirectory) async throws -> Outcome {
        let (outputFile, errorFile) = (scratch.newFile(), scratch.newFile())
        defer { for file in [outputFile, errorFile] { try? FileManager.default.removeItem(atPath: file) } }
        let output = try Self.create(outputFile)
        defer { try? output.close() }
        let error = try Self.create(errorFile)
        defer { try? error.close() }
        let started = ContinuousClock.now
        let child: ChildProcess
        do {
            child = try await ChildProcess(
                executable, arguments, environment: environment, output: output, error: error)
        } catch {
            throw Failure.cannotStart(program: executable, reason: "\(error)")
        }
        Self.running.withLock { $0[child.pid] = child }
        let code = await end(of: child)
        let seconds = (.now - started) / .seconds(1)
        Self.running.withLock { $0[child.pid] = nil }
        guard let code else { throw Failure.late(program: executable, seconds: limitSeconds) }
        guard let text = Self.beginning(of: outputFile) else { throw Failure.tooMuchOutput(program: executable) }
        return Outcome(code: code, output: text, error: Self.tail(of: errorFile), seconds: seconds)
    }

    private static func create(_ path: String) throws -> FileDescriptor {
        try FileDescriptor.open(path, .writeOnly, options: [.create, .closeOnExec], permissions: [.ownerReadWrite])
    }

    /// The exit code, or nil where it was stopped because it took too long.
    private func end(of child: ChildProcess) async -> Int32? {
        await withTaskGroup(of: Int32?.self) { group in
            group.addTask { await child.end() }
            group.addTask {
                try? await Task.sleep(for: .seconds(limitSeconds))
                return nil
            }
            let code = await group.next() ?? nil
            if code == nil { await Self.stop(child) }
            group.cancelAll()
            return code
        }
    }

    private static func stop(_ child: ChildProcess) async {
        let below = ProcessTree.members(below: child.pid)
        child.send(SIGTERM)
        ProcessTree.send(SIGTERM, to: below)
        let begun = ContinuousClock.now
        while child.isRunning, (.now - begun) / .seconds(1) < graceSeconds {
            try? await Task.sleep(for: .milliseconds(20))
        }
        child.send(SIGKILL)
        ProcessTree.send(SIGKILL, to: below)
    }

    /// Ends all that run, and what they started, at once.
    static func killAll() {
        for child in running.withLock({ Array($0.values) }) {
            let below = ProcessTree.members(below: child.pid)
            child.send(SIGKILL)
            ProcessTree.send(SIGKILL, to: below)
        }
    }

    private static func beginning(of path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return "" }
        defer { try? file.close() }
        let data = (try? file.read(upToCount: outputLimitBytes + 1)) ?? Data()
        return data.count <= outputLimitBytes ? String(decoding: data, as: UTF8.self) : nil
    }

    private static func tail(of path: String) -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { return "" }
        defer { try? file.close() }
        let size = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: size - min(size, UInt64(errorLimitBytes)))
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A directory for the files of one command, which goes when the command ends.
final class ScratchDirectory: Sendable {
    let path: String
    private let count = Mutex(0)
    private static let present = Mutex<Set<String>>([])

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("svc-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        Self.present.withLock { [path] in _ = $0.insert(path) }
    }

    deinit { remove() }

    /// The path of a file that is not there yet.
    func newFile(_ ending: String = "") -> String {
        let number = count.withLock { count in
            count += 1
            return count
        }
        return "\(path)/\(number)\(ending)"
    }

    /// Writes a file. Returns its path.
    func write(_ text: String) throws -> String {
        let file = newFile(".txt")
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
        Self.present.withLock { [path] in _ = $0.remove(path) }
    }

    /// Removes all that are left, when the command ends early.
    static func removeAll() {
        for path in present.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }
}

/// Ctrl-C, and what else ends a command from outside: what it started ends with it.
enum BenchInterruption {
    private nonisolated(unsafe) static var sources: [any DispatchSourceSignal] = []

    /// To be called once, before anything is started.
    static func install() {
        Interruption.handle { end(CommandFailure.Code.interrupted.rawValue) }
        for number in [SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { end(128 + number) }
            source.resume()
            sources.append(source)
        }
    }

    private static func end(_ code: Int32) -> Never {
        BenchChild.killAll()
        ChildRegistry.shared.kill()
        ScratchDirectory.removeAll()
        _exit(code)
    }
}
