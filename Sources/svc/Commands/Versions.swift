import ArgumentParser
import Engine
import Foundation
import ModelHub
import SelfTest

/// Where revisions are changed: in this machine's store, or through a running service, which then changes over without
/// losing a request.
struct RevisionOptions: ParsableArguments {
    @OptionGroup var output: OutputOptions
    @OptionGroup var compute: ComputeOptions

    @Option(help: "Have the running service at this address do it; it changes over while it answers.")
    var url: String?

    @Option(help: "The key that the service wants. (API_KEY)")
    var apiKey: String?

    @Argument(help: "The model's name.")
    var name: String

    /// What a change of revision came to.
    struct Change: Codable {
        var model: String
        var from: String?
        var to: String
        var changed: Bool

        init(_ report: UpdateReport) {
            (model, from, to, changed) = (report.model, report.from, report.to, report.isChanged)
        }
    }

    /// Does it in the store: an engine loads the revision and asks it a question before it is made the one in use.
    func locally<Result: Sendable>(_ body: @Sendable (Engine) async throws -> Result) async throws -> Result {
        let engine = try compute.engine(try await Settings(file: compute.config))
        do {
            let result = try await body(engine)
            await engine.stop()
            return result
        } catch {
            await engine.stop()
            throw error
        }
    }

    /// Asks the running service.
    func remotely(_ method: String, _ path: String, revision: String?, to url: String) async throws -> Change {
        let settings = try await Settings(file: nil)
        let client = ServiceClient(
            baseURL: url, apiKey: settings.string(apiKey, "API_KEY", nil), timeoutSeconds: 24 * 3600)
        let body = revision.map { try? JSONEncoder().encode(["revision": $0]) } ?? nil
        let answer = try await client.request(
            method, "/models/\(name)/\(path)", headers: ["content-type": "application/json"],
            body: Array(body ?? Data("{}".utf8)))
        guard answer.status == 200 else { throw Self.failure(answer, url) }
        return try JSONDecoder().decode(Change.self, from: Data(answer.body))
    }

    /// What the service's refusal means here.
    private static func failure(_ answer: ServiceClient.Answer, _ url: String) -> CommandFailure {
        struct Refusal: Decodable {
            struct Reason: Decodable {
                var message: String
                var code: String?
            }
            var error: Reason
        }
        let reason = try? JSONDecoder().decode(Refusal.self, from: Data(answer.body)).error
        let message = "\(url): " + (reason?.message ?? "HTTP \(answer.status)")
        return switch answer.status {
        case 401, 403: CommandFailure(.permission, type: "permission", message)
        case 404: CommandFailure(.modelNotFound, type: "model_not_found", message)
        default: CommandFailure(.failed, type: reason?.code ?? "failed", message)
        }
    }

    func report(_ command: String, _ change: Change, _ words: String) throws {
        try Output.succeed(command, change, json: output.json) {
            change.changed
                ? "\(change.model): \(words) \(short(change.to))" + (change.from.map { ", before \(short($0))" } ?? "")
                : "\(change.model): \(short(change.to)) is the newest"
        }
    }

    private func short(_ revision: String) -> String { String(revision.prefix(12)) }
}

/// `svc update`
struct Update: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Change over to a newer revision of a model.",
        discussion: """
            The revision is downloaded beside the present one, verified, loaded and asked a question; only then is it \
            the one in use. A running service changes over with --url, or at its next check.
            """)

    @OptionGroup var options: RevisionOptions

    @Option(help: "A branch, tag or commit instead of the newest revision.")
    var revision: String?

    @Flag(help: "Only say whether there is a newer one.")
    var check = false

    private struct Availability: Encodable {
        var model: String
        var active: String?
        var latest: String
        var available: Bool
    }

    func run() async throws {
        let (name, revision) = (options.name, revision)
        guard !check else {
            let (latest, active) = try await options.locally { try await $0.latestRevision(of: name) }
            return try Output.succeed(
                "update",
                Availability(model: name, active: active, latest: latest, available: latest != active),
                json: options.output.json
            ) { latest == active ? "\(name): \(latest) is the newest" : "\(name): \(latest) is available" }
        }
        let change: RevisionOptions.Change =
            if let url = options.url {
                try await options.remotely("POST", "update", revision: revision, to: url)
            } else {
                .init(try await options.locally { try await $0.update(name, to: revision) })
            }
        try options.report("update", change, "changed over to")
    }
}

/// `svc rollback`
struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go back to a model's revision before the present one, which is not used again.")

    @OptionGroup var options: RevisionOptions

    func run() async throws {
        let name = options.name
        let change: RevisionOptions.Change =
            if let url = options.url {
                try await options.remotely("POST", "rollback", revision: nil, to: url)
            } else {
                .init(try await options.locally { try await $0.rollBack(name) })
            }
        try options.report("rollback", change, "back to")
    }
}

/// `svc pin`
struct Pin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hold a model at a revision, so that no update changes it; or release it.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Flag(help: "Release the model.")
    var release = false

    @Argument(help: "The model's name.")
    var name: String

    @Argument(help: "The revision; the present one if left out.")
    var revision: String?

    private struct Answer: Encodable {
        var model: String
        var pinned: String?
    }

    func validate() throws {
        if release, revision != nil { throw ValidationError("--release takes no revision") }
    }

    func run() async throws {
        let hub = try store.hub()
        let entry = try hub.catalog.entry(named: name)
        let wanted = release ? nil : try revision ?? hub.installed(entry)?.revision
        guard release || wanted != nil else { throw ModelHubError.notInstalled(model: name) }
        try hub.pin(entry, revision: wanted)
        try Output.succeed("pin", Answer(model: name, pinned: wanted), json: output.json) {
            wanted.map { "\(name): held at \($0)" } ?? "\(name): released"
        }
    }
}
