import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// A stand-in hub with one repository, a directory to download to, and short delays.
final class TransferFixture: Sendable {
    let hub: StandInHub
    let directory: String
    let file: StandInFile

    static let token = "hf_secretOfTheTests"

    init(_ file: StandInFile = StandInFile("weights.bin", sizeBytes: 1_000_000)) throws {
        self.file = file
        hub = try StandInHub()
        hub.add(StandInRepository("someone/model", files: [file], authorizedTokens: [Self.token]))
        directory = FileManager.default.temporaryDirectory.path + "/transfer-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit {
        hub.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var partial: String { directory + "/partial" }

    func configuration(_ change: (inout TransferConfiguration) -> Void = { _ in }) -> TransferConfiguration {
        var configuration = TransferConfiguration()
        configuration.firstDelaySeconds = 0.01
        configuration.longestDelaySeconds = 0.05
        configuration.stallSeconds = 5
        configuration.chunkBytes = 100_000
        change(&configuration)
        return configuration
    }

    func client(_ change: (inout TransferConfiguration) -> Void = { _ in }) -> TransferClient {
        TransferClient(configuration(change))
    }

    func url(_ file: StandInFile) -> String { hub.url + "/someone/model/resolve/main/" + file.path }

    /// The transfer of `file`, with all that the hub tells of it.
    func transfer(_ file: StandInFile? = nil, _ change: (inout FileTransfer) -> Void = { _ in }) throws -> FileTransfer
    {
        let file = file ?? self.file
        var transfer = FileTransfer(
            url: url(file), partial: partial, sizeBytes: file.sizeBytes, etag: file.etag, expected: file.etag,
            freeSpaceReserveBytes: 0)
        change(&transfer)
        return transfer
    }

    var credential: Credential {
        get throws { Credential(token: Self.token, origin: try Origin(of: hub.url)) }
    }

    func partialBytes() throws -> [UInt8] { try Array(Data(contentsOf: URL(fileURLWithPath: partial))) }

    /// The ranges of the file that were sent, in the order of the requests.
    var sent: [Range<Int>] { hub.requests.filter { $0.status == 200 || $0.status == 206 }.map(\.sent) }

    /// How many bytes of the file were sent more than once.
    var sentTwice: Int {
        var seen = ByteRangeSet()
        var twice = 0
        for range in sent where !range.isEmpty {
            let before = seen.count
            seen.insert(range)
            twice += range.count - (seen.count - before)
        }
        return twice
    }
}

/// Runs `body` and returns the error that it throws. None, or one of another type, is an issue that says so.
func thrown<Failure: Error, Value>(
    _ type: Failure.Type, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value
) async -> Failure? {
    do {
        let value = try await body()
        Issue.record("expected \(type), found no error but \(value)", sourceLocation: sourceLocation)
    } catch let error as Failure {
        return error
    } catch {
        Issue.record("expected \(type), found \(error)", sourceLocation: sourceLocation)
    }
    return nil
}
