internal import Foundation

/// A store of its own with a copy of one small model, for what changes or damages a store: the models of this machine
/// are only read.
struct StoreCopy {
    /// The model.
    let model: PortfolioModel
    /// Its source, as `svc show` says it.
    let source: String
    /// The file that its largest content is in.
    let blob: URL
    private let directory: TemporaryDirectory

    /// `SVC_HOME` of the copy, and nothing of what other programs keep.
    var environment: [String: String] {
        ["SVC_HOME": directory.url.path, "HF_HUB_CACHE": directory.file("huggingface").path]
    }

    /// Copies the smallest model that the store has in a directory of its own.
    ///
    /// - Throws: `CaseGated` where none of the portfolio lies there.
    init(_ context: CaseContext) async throws {
        directory = try TemporaryDirectory("store")
        do {
            for model in context.portfolio.models.sorted(by: { $0.sizeBytes < $1.sizeBytes }).prefix(4) {
                let shown = try JSONView(parsing: try await context.run(["show", "--json", model.name]).output)["data"]
                guard shown["files"].exists else { continue }
                let files = try shown["files"].array.map { (try $0["sha256"].string, try $0["size_bytes"].int) }
                guard let largest = files.max(by: { $0.1 < $1.1 })?.0, let place = Self.place(of: largest) else {
                    continue
                }
                let hub = directory.file("hub")
                try FileManager.default.createDirectory(at: hub, withIntermediateDirectories: true)
                let copy = hub.appendingPathComponent(place.lastPathComponent)
                try FileManager.default.copyItem(at: place, to: copy)
                (self.model, source) = (model, try shown["source"].string)
                blob = copy.appendingPathComponent("blobs").appendingPathComponent(largest)
                return
            }
            throw CaseGated("this case copies a small model of $SVC_HOME/hub, and there is none")
        } catch {
            directory.remove()
            throw error
        }
    }

    /// The directory of the store that holds a file with this digest.
    private static func place(of digest: String) -> URL? {
        let environment = ProcessInfo.processInfo.environment
        let home =
            environment["SVC_HOME"].flatMap { $0.isEmpty ? nil : $0 }
            ?? FileManager.default.homeDirectoryForCurrentUser.path + "/.cache/svc"
        let hub = URL(fileURLWithPath: home).appendingPathComponent("hub")
        let places = (try? FileManager.default.contentsOfDirectory(atPath: hub.path)) ?? []
        return places.sorted().map { hub.appendingPathComponent($0) }
            .first { FileManager.default.fileExists(atPath: $0.appendingPathComponent("blobs/\(digest)").path) }
    }

    /// Turns one bit in the middle of the model's largest file around; its size stays.
    func damage() throws {
        var bytes = try Data(contentsOf: blob)
        bytes[bytes.count / 2] ^= 1
        // Atomically, so that what is a link to elsewhere would become a file and nothing else change.
        try bytes.write(to: blob, options: .atomic)
    }

    func remove() { directory.remove() }
}

extension CaseContext {
    /// Has `body` work with a copy of the store, which is removed whatever happens.
    func withStoreCopy(_ body: (StoreCopy) async throws -> Void) async throws {
        let store = try await StoreCopy(self)
        defer { store.remove() }
        try await body(store)
    }
}
