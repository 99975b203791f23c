import ArgumentParser
import Foundation
import SelfTest

/// `svc ps`
struct Ps: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the models that a running service has in memory.",
        discussion: "Besides those in memory: what is on its way there, and what failed.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var service: ServiceAddress

    /// What the service says of a model.
    private struct Status: Decodable {
        struct Usage: Decodable {
            var requests: Int
            var lastUsed: Date?
        }

        struct Loading: Decodable { var progress: Double? }
        struct Failure: Decodable { var reason: String }

        var name: String
        /// The model's state.
        var status: String
        var since: Date
        var task: String
        var memoryBytes: Int
        var loading: Loading?
        var error: Failure?
        /// Only in the answer about one model.
        var usage: Usage?
    }

    private struct Model: Encodable {
        var name: String
        var state: String
        var task: String
        var memoryBytes: Int
        var requests: Int?
        var lastUsed: Date?
        var since: Date
        var progress: Double?
        var reason: String?
    }

    private struct Answer: Encodable {
        var url: String
        var models: [Model]
    }

    func run() async throws {
        let client = try await service.client()
        let listed = try await get("/models", client, [String: Status].self)
        var models: [Model] = []
        for entry in listed.values.sorted(by: { $0.name < $1.name }) where entry.status != "absent" {
            let model = try await details(of: entry, client)
            models.append(
                Model(
                    name: model.name, state: model.status, task: model.task, memoryBytes: model.memoryBytes,
                    requests: model.usage?.requests, lastUsed: model.usage?.lastUsed, since: model.since,
                    progress: model.loading?.progress, reason: model.error?.reason))
        }
        try Output.succeed("ps", Answer(url: client.baseURL, models: models), json: output.json) { Self.table(models) }
    }

    /// The list says nothing of the use of a model; its own address does.
    private func details(of listed: Status, _ client: ServiceClient) async throws -> Status {
        let allowed = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "/"))
        let path = listed.name.addingPercentEncoding(withAllowedCharacters: allowed) ?? listed.name
        do {
            return try await get("/models/\(path)", client, Status.self)
        } catch let failure as CommandFailure where failure.code == .failed {
            return listed
        }
    }

    private static func table(_ models: [Model]) -> String {
        Table.text(
            [["NAME", "STATE", "MEMORY", "TASK", "REQUESTS", "LAST USED", "SINCE"]]
                + models.map { model in
                    [
                        model.name, model.state + (model.progress.map { " \(Int($0 * 100)) %" } ?? ""),
                        megabytes(model.memoryBytes), model.task, model.requests.map { "\($0)" } ?? "-",
                        model.lastUsed.map(ago) ?? "-", ago(model.since),
                    ]
                })
    }

    /// How long a moment is past, in the largest unit that it has passed two of.
    private static func ago(_ moment: Date) -> String {
        let seconds = max(0, Int(Date.now.timeIntervalSince(moment)))
        let units = [(86_400, "d"), (3600, "h"), (60, "min")]
        guard let (size, name) = units.first(where: { seconds >= 2 * $0.0 }) else { return "\(seconds) s ago" }
        return "\(seconds / size) \(name) ago"
    }

    private func get<Value: Decodable>(_ path: String, _ client: ServiceClient, _: Value.Type) async throws -> Value {
        let answer: ServiceClient.Answer
        do {
            answer = try await client.request("GET", path)
        } catch let failure as ServiceClient.Failure {
            throw CommandFailure(
                .network, type: "network",
                "no service answers at \(client.baseURL) (\(failure.reason)); start one with `svc serve`, or say where "
                    + "it listens with --url or SVC_HOST and SVC_PORT")
        }
        guard answer.status != 401, answer.status != 403 else {
            throw CommandFailure(
                .permission, type: "permission",
                "\(client.baseURL) wants a key (HTTP \(answer.status)); give it with --api-key or API_KEY")
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.dateDecodingStrategy = .iso8601
        guard answer.status == 200, let value = try? decoder.decode(Value.self, from: Data(answer.body)) else {
            throw CommandFailure(
                .failed, type: "failed",
                "\(client.baseURL)\(path) does not answer as svc does (HTTP \(answer.status)); is something else there?"
            )
        }
        return value
    }
}
