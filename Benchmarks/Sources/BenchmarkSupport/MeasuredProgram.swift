package import SelfTest
internal import Foundation

/// The program whose routes are measured, and where its sources lie.
package enum MeasuredProgram {
    /// The root of the main package.
    package static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// The path of `svc`: `SVC_PROGRAM`, or else what `make build` has left.
    package static var path: String {
        ProcessInfo.processInfo.environment["SVC_PROGRAM"] ?? repository + "/.build/release/svc"
    }

    /// Starts `svc serve` on a free port of the loopback interface and waits until the models are ready.
    ///
    /// - Throws: `CaseFailure` or `LoadingFailure` with the service's log.
    package static func serve(models: [String]) async throws -> ManagedService {
        guard FileManager.default.isExecutableFile(atPath: path) else { throw MissingProgram(path: path) }
        let service = try await ServiceManager(program: path).start(models: models)
        try await ModelLoadingMonitor(service).wait(for: models)
        return service
    }
}

/// There is no program to measure.
package struct MissingProgram: Error, CustomStringConvertible {
    /// Where it was looked for.
    package var path: String

    package var description: String { "\(path) is not there: run `make build`, or set SVC_PROGRAM" }
}
