import ArgumentParser
import Foundation
import ModelHub
import Synchronization

/// `svc pull`
struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Get models onto this machine, verified.",
        discussion: """
            What is there and whole is not fetched again, and what was interrupted goes on from where it was. Two pulls \
            of one model share the work.

            A source may stand for a name: hf:OWNER/REPOSITORY, file:/PATH, or an https:// address. The model is known \
            by the source's last component, or by --name, from then on.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Option(help: "A branch, tag or commit instead of the newest revision; of one model.")
    var revision: String?

    @Flag(help: "Hash what is there again, and fetch anew what is damaged.")
    var repair = false

    @Option(help: "How many models are downloaded at once, 1 to 16.")
    var jobs = 2

    @Option(help: "The name that a model gets which is given by its source.")
    var name: String?

    @Option(help: "Which files of a repository: a pattern such as '*Q4_K_M.gguf'; may be repeated.")
    var include: [String] = []

    @Option(help: "The SHA-256 of the file at an address.")
    var sha256: String?

    @Argument(help: "The models' names, or their sources.")
    var names: [String]

    func validate() throws {
        guard name == nil && include.isEmpty && sha256 == nil || names.count == 1 && NamedSource.isOne(names[0]) else {
            throw ValidationError("--name, --include and --sha256 are for one model that is given by its source")
        }
        guard (1...16).contains(jobs) else { throw ValidationError("--jobs: \(jobs) is not a number from 1 to 16") }
        guard revision == nil || names.count == 1 else {
            throw ValidationError("--revision is of one model, and \(names.count) are named")
        }
    }

    private struct Pulled: Encodable {
        struct File: Encodable {
            var role: String
            var path: String
        }

        var name: String
        var revision: String
        /// The revision in use, where it is another one.
        var activeRevision: String?
        var sizeBytes: Int
        var files: [File]
    }

    private struct Answer: Encodable { var models: [Pulled] }

    func run() async throws {
        let hub = try store.hub()
        let sources = try names.map { text in
            NamedSource.isOne(text)
                ? try NamedSource(text, name: name, include: include, sha256: sha256, catalog: hub.catalog) : nil
        }
        let entries = try zip(names, sources).map { try $1?.entry ?? hub.catalog.entry(named: $0) }
        let session = PullSession(hub: hub, jobs: jobs, json: output.json)
        let models = try await session.pull(entries, revision: revision, rehash: repair, purpose: .pull)
        for (source, model) in zip(sources, models) { _ = try source?.describe(model) }
        let pulled = zip(entries, models).map { entry, model in
            let active = (try? hub.installed(entry))?.revision
            return Pulled(
                name: model.name, revision: model.revision,
                activeRevision: active == model.revision ? nil : active, sizeBytes: model.sizeBytes,
                files: model.files.sorted { $0.key < $1.key }.map { .init(role: $0.key, path: $0.value) })
        }
        try Output.succeed("pull", Answer(models: pulled), json: output.json) {
            pulled.map(Self.line).joined(separator: "\n")
        }
    }

    private static func line(_ model: Pulled) -> String {
        let files = "\(model.files.count) \(model.files.count == 1 ? "file" : "files")"
        let line = "\(model.name): \(files), \(megabytes(model.sizeBytes)), verified"
        guard let active = model.activeRevision else { return line }
        return line + "; \(active.prefix(12)) stays the one in use"
    }
}

/// Pulls of one command: through a queue, with bars, until all have ended or Ctrl-C is pressed.
struct PullSession {
    private static let drawingInterval: Duration = .milliseconds(150)
    let hub: ModelHub
    let jobs: Int
    let json: Bool

    /// Pulls models, several at once; the others go on when one fails.
    ///
    /// - Returns: the models in the order of `entries`.
    /// - Throws: `CommandFailure`; of the first that failed where several did, and the message names all of them.
    func pull(
        _ entries: [CatalogEntry], revision: String?, rehash: Bool, purpose: DownloadStatus.Purpose
    ) async throws -> [InstalledModel] {
        let queue = DownloadManager(hub: hub, events: EventBus(), limit: jobs)
        let wasInterrupted = Mutex(false)
        Interruption.handle {
            let isSecond = wasInterrupted.withLock { was in
                defer { was = true }
                return was
            }
            guard !isSecond else { return Interruption.end() }
            Task { await queue.stop() }
        }
        defer { Interruption.handle(Interruption.end) }
        var ids: [String] = []
        for entry in entries {
            ids.append(await queue.enqueue(entry, revision: revision, purpose: purpose, rehash: rehash).id)
        }
        let results = await watch(ids, queue)
        if wasInterrupted.withLock({ $0 }) {
            await queue.stop()
            throw Self.interruption(entries)
        }
        let failures = results.compactMap { result in if case .failure(let error) = result { error } else { nil } }
        guard let first = failures.first else { return try results.map { try $0.get() } }
        if failures.count > 1 || entries.count > 1 { noteWhole(results) }
        guard failures.count > 1, let hubError = first as? ModelHubError else { throw first }
        var failure = CommandFailure(hubError, usage: { "\($0)" }, parserCode: 1)
        failure.message = failures.map { "\($0)" }.joined(separator: "\nsvc: ")
        throw failure
    }

    /// Draws until every job has ended, then returns what became of them.
    private func watch(_ ids: [String], _ queue: DownloadManager) async -> [Result<InstalledModel, any Error>] {
        var display = PullDisplay(json: json)
        while true {
            let statuses = await queue.statuses()
            if statuses.allSatisfy(\.state.hasEnded) { break }
            display.show(statuses)
            try? await Task.sleep(for: Self.drawingInterval)
        }
        display.clear()
        var results: [Result<InstalledModel, any Error>] = []
        for id in ids {
            do { results.append(.success(try await queue.result(id))) } catch { results.append(.failure(error)) }
        }
        return results
    }

    /// Says which models did come, beside those that did not.
    private func noteWhole(_ results: [Result<InstalledModel, any Error>]) {
        guard !json else { return }
        for case .success(let model) in results {
            Output.note("\(model.name): \(megabytes(model.sizeBytes)), verified")
        }
    }

    private static func interruption(_ entries: [CatalogEntry]) -> CommandFailure {
        let names = entries.map(\.name).joined(separator: " ")
        let isWhole = entries.allSatisfy { if case .pip = $0.source { true } else { false } }
        let kept =
            isWhole
            ? "a package has to come whole, so the next `svc pull \(names)` fetches again what had not come"
            : "what was downloaded is kept, and the next `svc pull \(names)` goes on from there"
        return CommandFailure(.interrupted, type: "interrupted", "interrupted; \(kept)")
    }
}
