internal import Foundation
internal import Synchronization
internal import SystemPackage

/// A directory for what a child process writes, below the system's own for such.
struct TemporaryDirectory: Sendable {
    let url: URL

    init(_ purpose: String) throws {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("svc-selftest-\(purpose)-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        Self.present.withLock { [url] in _ = $0.insert(url) }
    }

    /// Those that have not been removed.
    private static let present = Mutex<Set<URL>>([])

    /// Removes all that are left, when the run ends early.
    static func removeAll() { for url in present.withLock({ $0 }) { try? FileManager.default.removeItem(at: url) } }

    func file(_ name: String) -> URL { url.appendingPathComponent(name) }

    /// A new file, open for writing.
    func create(_ name: String) throws -> FileDescriptor {
        try FileDescriptor.open(
            file(name).path, .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
    }

    /// What a file holds by now; nothing where there is none.
    func bytes(_ name: String) -> [UInt8] { (try? Data(contentsOf: file(name))).map(Array.init) ?? [] }

    func text(_ name: String) -> String { String(decoding: bytes(name), as: UTF8.self) }

    func remove() {
        try? FileManager.default.removeItem(at: url)
        Self.present.withLock { [url] in _ = $0.remove(url) }
    }
}

extension ContinuousClock.Instant {
    /// Seconds from this moment to the present one.
    var secondsUntilNow: Double { (ContinuousClock.now - self) / .seconds(1) }
}
