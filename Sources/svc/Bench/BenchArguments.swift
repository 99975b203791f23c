import ArgumentParser
import Foundation

/// --threads and --timeout of the commands that run other programs.
struct BenchLimits: ParsableArguments {
    @Option(help: "Threads of each measurement that does not say how many, 1 to 1024; targets are meant for 2.")
    var threads = 2

    @Option(help: "Seconds after which a program that was started is stopped, 0.1 to 86400.")
    var timeout = 1800.0

    func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads must be from 1 to 1024") }
        guard (0.1...86_400).contains(timeout) else {
            throw ValidationError("--timeout must be seconds from 0.1 to 86400")
        }
    }
}

/// --markdown and --svg of the commands that make a report.
struct ReportFiles: ParsableArguments {
    @Option(help: "Write the report as a page in Markdown to this file.")
    var markdown: String?

    @Option(help: "Write a chart in SVG to this file.")
    var svg: String?

    /// Finds out before anything is measured whether the files can be written, and leaves them as they are.
    ///
    /// - Throws: `CommandFailure` that names the flag.
    func check() throws {
        for (flag, path) in [("--markdown", markdown), ("--svg", svg)] {
            guard let path else { continue }
            let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw CommandFailure(
                    .usage, type: "usage",
                    "\(flag) \(path): the file cannot be written: \(String(cString: strerror(errno)))")
            }
            close(descriptor)
        }
    }

    /// Writes those that were asked for.
    ///
    /// - Throws: `CommandFailure` that names the file.
    func write(markdown page: () -> String, svg chart: () -> String) throws {
        if let markdown { try Self.write(page(), to: markdown) }
        if let svg { try Self.write(chart(), to: svg) }
    }

    private static func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        } catch {
            throw CommandFailure(.failed, type: "failed", "\(path) cannot be written: \(error.localizedDescription)")
        }
    }
}
