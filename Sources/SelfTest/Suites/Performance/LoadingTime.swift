internal import Foundation

/// How long a model takes from the disk to its first answer.
enum LoadingTime {
    private static let loads = 5
    private static let budgetSeconds = 60.0

    static func measure(_ context: CaseContext) async throws -> [Figure] {
        var client = try context.client()
        client.timeoutSeconds = 3700
        let model = try context.theModel()
        let path = "/models/" + (model.name.addingPercentEncoding(withAllowedCharacters: allowed) ?? model.name)
        // Whatever happens, the next case finds the model loaded.
        let restoring = client
        do {
            return try await loads(client, path, model)
        } catch {
            _ = try? await restoring.request("POST", path + "/load?wait=3600")
            throw error
        }
    }

    private static func loads(_ client: ServiceClient, _ path: String, _ model: PortfolioModel) async throws -> [Figure]
    {
        let started = ContinuousClock.now
        var loading: [Double] = [], answering: [Double] = []
        for round in 0...loads {
            // A large model is loaded less often; the first time reads the file into the system's cache.
            if round > 1, (.now - started) / .seconds(1) > budgetSeconds { break }
            try await client.request("POST", path + "/unload?wait=60").expecting(status: 200)
            let answer = try await client.request("POST", path + "/load?wait=3600").expecting(status: 200)
            let status = try answer.json()
            guard try status["status"].string == "ready" else {
                throw CaseFailure(
                    "\(model.name): expected ready after loading, found \(try status["status"].string)",
                    evidence: answer.evidence)
            }
            if round > 0 {
                loading.append(try status["load_seconds"].double * 1000)
                answering.append(answer.seconds * 1000)
            }
        }
        return [
            Figure("load", SampleSet(loading).median, .milliseconds, better: .less, slack: 10),
            Figure("load_request", SampleSet(answering).median, .milliseconds, better: .less, slack: 10),
        ]
    }

    private static let allowed = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "/"))
}
