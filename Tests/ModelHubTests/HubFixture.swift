import Crypto
import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// A store, a catalogue, and a package index on the disk, all in a directory of its own that is removed at the end.
final class HubFixture: Sendable {
    let directory: String
    let environment: [String: String]
    /// What the wheel of `tiny-model` 1.0 holds.
    let contents: [String: [UInt8]]

    static let one = "tiny_model/one/weights.bin"
    static let two = "tiny_model/two/weights.bin"
    static let shared = "tiny_model/shared.json"

    var store: ModelStore { ModelStore(root: directory + "/home/hub") }
    var repository: ModelRepository { ModelRepository(store: store.root, name: "models--pip--tiny-model") }
    var wheel: String { directory + "/index/tiny_model-1.0-py3-none-any.whl" }

    /// - Parameters:
    ///   - python: A shell script to stand in for the interpreter, with INDEX and DIRECTORY set; nil for the real one.
    ///   - weightBytes: The size of each of the two large files.
    init(python: String? = HubFixture.copyingPython, weightBytes: Int = 40_000, tag: String = "py3-none-any") throws {
        let directory = FileManager.default.temporaryDirectory.path + "/hub-" + UUID().uuidString
        self.directory = directory
        for name in ["/index", "/home"] {
            try FileManager.default.createDirectory(atPath: directory + name, withIntermediateDirectories: true)
        }
        contents = [
            Self.one: (0..<weightBytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) },
            Self.two: (0..<weightBytes).map { UInt8(truncatingIfNeeded: $0 &* 17 &+ $0 >> 7) },
            Self.shared: Array(#"{"shared": true}"#.utf8),
        ]
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PIP_") }
        environment["PIP_CONFIG_FILE"] = "/dev/null"
        environment["PIP_NO_INDEX"] = "1"
        environment["PIP_FIND_LINKS"] = directory + "/index"
        if let python {
            let path = directory + "/python"
            let script = "#!/bin/sh\nINDEX='\(directory)/index'\nDIRECTORY='\(directory)'\n\(python)\n"
            try Programs.write(executable: script, to: path)
            environment["SVC_PYTHON"] = path
        }
        self.environment = environment
        try writeWheel(tag: tag, contents)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Does what `pip download` does, at once: copies the wheel, and notes the call.
    static let copyingPython = """
        echo "$@" >> "$DIRECTORY/calls"
        while [ $# -gt 1 ]; do [ "$1" = -d ] && target="$2"; shift; done
        cp "$INDEX"/*.whl "$target"
        """

    /// Notes the call and runs the real pip.
    static let countingPython = #"""
        echo "$@" >> "$DIRECTORY/calls"
        exec python3 "$@"
        """#

    /// How often pip was started.
    var calls: Int {
        let text = (try? String(contentsOfFile: directory + "/calls", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count
    }

    /// Writes the wheel of a package's version 1.0 with Python's zipfile, as a package index would hold it.
    /// `package` is the name as files have it, with underscores.
    func writeWheel(
        package: String = "tiny_model", tag: String = "py3-none-any", _ contents: [String: [UInt8]]
    ) throws {
        let staging = directory + "/staging-" + UUID().uuidString
        for (name, bytes) in contents {
            let url = URL(fileURLWithPath: staging + "/" + name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: url)
        }
        let script = """
            import os, sys, zipfile
            staging, index, package, tag = sys.argv[1:]
            info = package + "-1.0.dist-info/"
            wheel = f"{index}/{package}-1.0-{tag}.whl"
            with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as z:
                for folder, _, names in os.walk(staging):
                    for name in names:
                        path = os.path.join(folder, name)
                        z.write(path, os.path.relpath(path, staging))
                z.writestr(info + "METADATA", f"Metadata-Version: 2.1\\nName: {package}\\nVersion: 1.0\\n")
                z.writestr(info + "WHEEL", f"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n")
                z.writestr(info + "RECORD", "")
            """
        try Programs.python(script, [staging, directory + "/index", package, tag])
        try FileManager.default.removeItem(atPath: staging)
    }

    func file(_ role: String, _ path: String) throws -> CatalogFile {
        let bytes = try #require(contents[path])
        return CatalogFile(role: role, path: path, sha256: Self.sha256(bytes), sizeBytes: bytes.count)
    }

    /// Two models in one package, with one file in common.
    func entry(_ name: String) throws -> CatalogEntry {
        CatalogEntry(
            name: name, task: .embedding, family: "test", source: .pip(name: "tiny-model", version: "1.0"),
            files: [
                try file("model", name == "two" ? Self.two : Self.one), try file("config", Self.shared),
            ], downloadBytes: 50_000)
    }

    func hub(environment: [String: String]? = nil) throws -> ModelHub {
        ModelHub(
            catalog: Catalog(entries: [try entry("one"), try entry("two")]), store: store,
            environment: environment ?? self.environment)
    }

    static func sha256(_ bytes: [UInt8]) -> String { FileDigest.hexadecimal(SHA256.hash(data: bytes)) }

    static func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

    /// Every file, link and directory below the store that is neither a lock nor an empty directory.
    func storedNames() -> [String] {
        let names = FileManager.default.enumerator(atPath: store.root)?.compactMap { $0 as? String } ?? []
        return names.filter { name in
            !name.hasPrefix(".locks") && Disk.names(under: store.root + "/" + name) != 0
        }.sorted()
    }
}

extension Disk {
    /// How many names a directory has; nil for what is no directory.
    static func names(under path: String) -> Int? {
        guard linkTarget(path) == nil, status(path)?.isDirectory == true else { return nil }
        return try? names(in: path).count
    }
}

/// Collects reports from whatever thread they come.
final class ProgressLog: Sendable {
    private let lock = NSLock()
    private nonisolated(unsafe) var storage: [PullProgress] = []

    var reports: [PullProgress] { lock.withLock { storage } }
    var phases: [PullProgress.Phase] {
        reports.reduce(into: []) { phases, report in
            if phases.last != report.phase { phases.append(report.phase) }
        }
    }

    func append(_ report: PullProgress) { lock.withLock { storage.append(report) } }
}

/// Waits until `condition` holds; gives up after half a minute.
func eventually(_ condition: () throws -> Bool) async throws -> Bool {
    for _ in 0..<3000 {
        if try condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}
