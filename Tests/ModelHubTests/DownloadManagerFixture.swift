import Foundation
import TestSupport

@testable import ModelHub

/// What the tests of the queue begin with.
extension DownloadManagerTests {
    static let weights = "model.safetensors"

    /// A stand-in hub with so many models.
    static func fixture(models: Int = 1, weightBytes: Int = 2_000_000) throws -> HubPullFixture {
        let fixture = try HubPullFixture(
            StandInRepository(
                HubPullFixture.id,
                files: [
                    StandInFile("config.json", #"{"model_type": "m2m_100"}"#),
                    StandInFile(weights, sizeBytes: weightBytes, seed: 3),
                ]))
        for index in 1..<max(2, models) {
            fixture.hub.add(
                StandInRepository(
                    "someone/model\(index)",
                    files: [
                        StandInFile("config.json", #"{"model_type": "m2m_100", "n": \#(index)}"#),
                        StandInFile(weights, sizeBytes: 50_000, seed: UInt64(10 + index)),
                    ]))
        }
        return fixture
    }

    static func entry(_ index: Int) -> CatalogEntry {
        CatalogEntry(
            name: "m\(index)", task: .translation, family: "m2m_100",
            source: .huggingFace(
                owner: "someone", repository: index == 0 ? "a-model" : "model\(index)", revision: nil))
    }

    func wait(
        _ queue: DownloadManager, _ id: String, _ condition: (DownloadStatus) -> Bool
    ) async throws -> DownloadStatus {
        for _ in 0..<6000 {
            let status = try await queue.status(id)
            if condition(status) { return status }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try await queue.status(id)
    }
}
