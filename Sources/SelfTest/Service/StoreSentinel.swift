internal import Foundation

/// Where the models of this machine are.
package enum StorePaths {
    private static func variable(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static var userHome: String { variable("HOME") ?? NSHomeDirectory() }

    /// The directory of `svc` itself.
    package static func home() -> String { variable("SVC_HOME") ?? userHome + "/.cache/svc" }

    /// The directories that hold the models with these sources: all of our own store, and of the cache that is shared
    /// with other programs only the repositories that are ours to watch.
    static func directories(sources: [String]) -> [String] {
        let shared =
            variable("HF_HUB_CACHE") ?? (variable("HF_HOME") ?? userHome + "/.cache/huggingface") + "/hub"
        let repositories = sources.filter { $0.hasPrefix("hf:") }.map { source in
            let name = source.dropFirst(3).prefix { $0 != "@" && $0 != ":" }
            return shared + "/models--" + name.replacingOccurrences(of: "/", with: "--")
        }
        return [home() + "/hub"] + Set(repositories).sorted()
    }
}

/// Proves that a run only read the models: the names, sizes, times and identities of all files of the store at its
/// beginning, to be held against those at its end.
package struct StoreSentinel: Sendable {
    private struct Trace: Sendable, Equatable {
        var size: Int
        var seconds: Int
        var nanoseconds: Int
        var inode: UInt64
        var mode: UInt32
    }

    private let directories: [String]
    private let traces: [String: Trace]

    /// Looks at the store as it is now.
    ///
    /// - Parameter sources: where the models come from, as `svc list --json` says it.
    package init(sources: [String]) { self.init(directories: StorePaths.directories(sources: sources)) }

    /// Looks at directories as they are now.
    package init(directories: [String]) {
        self.directories = directories
        traces = Self.look(directories)
    }

    /// What has changed since: a line for each file, none where all is as it was.
    package func changes() -> [String] {
        let now = Self.look(directories)
        var lines: [String] = []
        for (path, trace) in now where traces[path] != trace {
            lines.append(
                traces[path].map { "changed: \(path) (\(Self.difference($0, trace)))" } ?? "new: \(path)")
        }
        for path in traces.keys where now[path] == nil { lines.append("gone: \(path)") }
        return lines.sorted()
    }

    /// How many files are watched.
    package var count: Int { traces.count }

    private static func difference(_ old: Trace, _ new: Trace) -> String {
        if old.size != new.size { return "\(old.size) bytes, now \(new.size)" }
        if old.inode != new.inode { return "replaced" }
        return old.mode == new.mode ? "written to" : "its permissions"
    }

    private static func look(_ directories: [String]) -> [String: Trace] {
        var traces: [String: Trace] = [:]
        for directory in directories {
            let names = FileManager.default.enumerator(atPath: directory)
            while let name = names?.nextObject() as? String {
                var found = stat()
                let path = directory + "/" + name
                // Of a directory nothing is kept but that it is there: its files speak for it.
                guard lstat(path, &found) == 0 else { continue }
                let isDirectory = found.st_mode & S_IFMT == S_IFDIR
                #if canImport(Darwin)
                    let time = found.st_mtimespec
                #else
                    let time = found.st_mtim
                #endif
                traces[path] = Trace(
                    size: isDirectory ? 0 : Int(found.st_size), seconds: isDirectory ? 0 : time.tv_sec,
                    nanoseconds: isDirectory ? 0 : time.tv_nsec, inode: UInt64(found.st_ino),
                    mode: UInt32(found.st_mode))
            }
        }
        return traces
    }
}
