import Foundation

/// A program that is measured beside this one.
enum Peer: String, CaseIterable, Sendable, Hashable {
    case bergamot
    case llama
    case ctranslate2

    /// Its name in tables.
    var title: String {
        switch self {
        case .bergamot: "Bergamot"
        case .llama: "llama.cpp"
        case .ctranslate2: "CTranslate2"
        }
    }

    /// The flag that names it.
    var flag: String { "--\(rawValue)" }
}

/// What is wrong with a peer, said so that its author can find it.
enum PeerFailure: Error, Equatable, CustomStringConvertible {
    case unreadable(flag: String, text: String)
    case notFound(flag: String, program: String)
    case notExecutable(flag: String, program: String)
    case ended(command: String, code: Int32, error: String)
    case silent(command: String)
    case garbage(command: String, line: Int, text: String, reason: String)

    var description: String {
        switch self {
        case .unreadable(let flag, let text): "\(flag) \(text): a quotation mark is not closed, or nothing is named"
        case .notFound(let flag, let program): "\(flag) \(program): there is no such program"
        case .notExecutable(let flag, let program):
            "\(flag) \(program): the file is not executable; make it so, or name its interpreter before it"
        case .ended(let command, let code, let error):
            "\(command) ended \(code < 0 ? "by signal \(-code)" : "with code \(code)")"
                + (error.isEmpty
                    ? " and without a word on standard error"
                    : ": \(error.split(separator: "\n").suffix(3).joined(separator: " / "))")
        case .silent(let command): "\(command) printed nothing; expected a JSON object a line"
        case .garbage(let command, let line, let text, let reason):
            "\(command), line \(line) of its output: \(reason): \(text.prefix(120).debugDescription)"
        }
    }
}

/// How a peer is started.
struct PeerCommand: Sendable {
    let peer: Peer
    /// Its path.
    let executable: String
    /// The arguments that come before those of the protocol.
    let arguments: [String]

    /// Reads a command line of words, which may be quoted, and finds the program.
    ///
    /// - Throws: `PeerFailure`.
    init(_ text: String, for peer: Peer) throws {
        self.peer = peer
        guard let words = Self.words(text), let program = words.first, !program.isEmpty else {
            throw PeerFailure.unreadable(flag: peer.flag, text: text)
        }
        executable = try Self.find(program, peer.flag)
        arguments = Array(words.dropFirst())
    }

    /// Runs it with the arguments of the protocol.
    ///
    /// - Throws: `PeerFailure`, `BenchChild.Failure`.
    func run(_ measured: [String], limitSeconds: Double, _ scratch: ScratchDirectory) async throws -> [Figure] {
        let child = BenchChild(
            executable: executable, arguments: arguments + measured,
            environment: ProcessInfo.processInfo.environment, limitSeconds: limitSeconds)
        let outcome = try await child.run(scratch)
        let command = ([peer.flag, executable] + arguments + measured).joined(separator: " ")
        guard outcome.code == 0 else {
            throw PeerFailure.ended(command: command, code: outcome.code, error: outcome.error)
        }
        return try PeerOutput.figures(outcome.output, of: command)
    }

    /// Words as a shell splits them: blanks between, quotation marks of both kinds, a backslash before what is meant as
    /// it stands. Nil where a mark is not closed.
    static func words(_ text: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var mark: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                word = (word ?? "") + String(character)
                isEscaped = false
            } else if character == "\\", mark != "'" {
                isEscaped = true
            } else if let open = mark {
                if character == open { mark = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                (mark, word) = (character, word ?? "")
            } else if character.isWhitespace {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard mark == nil, !isEscaped else { return nil }
        return words + (word.map { [$0] } ?? [])
    }

    private static func find(_ program: String, _ flag: String) throws -> String {
        let files = FileManager.default
        guard program.contains("/") else {
            let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            let places = directories.map { "\($0)/\(program)" }
            guard let place = places.first(where: { files.isExecutableFile(atPath: $0) && !isDirectory($0) }) else {
                throw files.fileExists(atPath: program)
                    ? PeerFailure.notFound(
                        flag: flag, program: "\(program), which is not in PATH; is ./\(program) meant")
                    : PeerFailure.notFound(flag: flag, program: program)
            }
            return place
        }
        let path = NSString(string: program).expandingTildeInPath
        guard files.fileExists(atPath: path) else { throw PeerFailure.notFound(flag: flag, program: program) }
        guard files.isExecutableFile(atPath: path), !isDirectory(path) else {
            throw PeerFailure.notExecutable(flag: flag, program: program)
        }
        return path
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }
}

/// What a peer prints: `{"peer": …, "task": …, "metric": …, "value": …, "unit": …}`, one object a line.
enum PeerOutput {
    private struct Line: Decodable {
        var peer: String
        var task: String
        var metric: String
        var value: Double
        var unit: String
    }

    /// Other spellings of units.
    private static let spellings = ["tok/s": "tokens/s", "token/s": "tokens/s", "word/s": "words/s"]

    /// The figures of an output. The part of `peer` behind a slash is the variant.
    ///
    /// - Throws: `PeerFailure` that names the line.
    static func figures(_ output: String, of command: String) throws -> [Figure] {
        var figures: [Figure] = []
        for (index, text) in output.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let text = text.trimmingCharacters(in: .whitespaces)
            guard !text.isEmpty else { continue }
            func garbage(_ reason: String) -> PeerFailure {
                .garbage(command: command, line: index + 1, text: text, reason: reason)
            }
            let line: Line
            do {
                line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
            } catch DecodingError.keyNotFound(let key, _) {
                throw garbage("no \"\(key.stringValue)\"")
            } catch DecodingError.typeMismatch(let type, let context) where !context.codingPath.isEmpty {
                let wanted = type == Double.self ? "number" : "text"
                throw garbage("\"\(context.codingPath[0].stringValue)\" is no \(wanted)")
            } catch {
                throw garbage("not a JSON object with peer, task, metric, value and unit")
            }
            guard line.value.isFinite, line.value > 0 else { throw garbage("the value is not above 0") }
            let parts = line.peer.split(separator: "/", maxSplits: 1)
            figures.append(
                Figure(
                    metric: line.metric, variant: parts.count == 2 ? String(parts[1]) : nil, value: line.value,
                    unit: spellings[line.unit] ?? line.unit))
        }
        guard !figures.isEmpty else { throw PeerFailure.silent(command: command) }
        return figures
    }
}
