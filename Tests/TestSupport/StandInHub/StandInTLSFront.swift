internal import Foundation
internal import SelfTest
internal import SystemPackage

/// A front of a stand-in hub that speaks TLS, with a certificate that nobody vouches for unless they are told to.
package final class StandInTLSFront: Sendable {
    /// The certificate, which is also the authority that vouches for it: a value for CURL_CA_BUNDLE.
    package static let certificate = Fixtures.path("stand-in-hub/certificate.pem")

    /// The address of the Hub behind it, which is the value of HF_ENDPOINT.
    package let url: String
    private let process: ChildProcess
    /// The front ends when this is closed, and so with us in any case.
    private let input: FileDescriptor

    /// Starts it before both hosts of `hub`, which announces its content delivery network at it from then on.
    ///
    /// - Throws: if there is no Python, or it does not say in half a minute where it listens.
    package init(_ hub: StandInHub) async throws {
        let (read, write) = try FileDescriptor.pipe()
        _ = fcntl(write.rawValue, F_SETFD, FD_CLOEXEC)
        let path = FileManager.default.temporaryDirectory.path + "/svc-tls-front-" + UUID().uuidString
        let output = try FileDescriptor.open(
            path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        defer {
            try? read.close()
            try? output.close()
            unlink(path)
        }
        input = write
        let ports = StandInHost.allCases.map { "\(hub.port($0))" }
        let certificate = [Self.certificate, Fixtures.path("stand-in-hub/key.pem")]
        process = try await ChildProcess(
            "/usr/bin/env", ["python3", Fixtures.path("stand-in-hub/tls-front.py")] + certificate + ports,
            environment: Programs.environment(), input: read, output: output)
        Children.add(process.pid)
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let fronts = text.split(separator: " ").compactMap { Int($0.filter(\.isNumber)) }
            if text.hasSuffix("\n"), fronts.count == 2 {
                url = "https://127.0.0.1:\(fronts[0])"
                hub.announce(.cdn, at: "https://127.0.0.1:\(fronts[1])")
                return
            }
            guard process.isRunning, ContinuousClock.now < deadline else {
                process.send(SIGKILL)
                throw NoFront(said: text)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private struct NoFront: Error { var said: String }

    /// Ends it.
    package func stop() async {
        process.send(SIGKILL)
        _ = await process.end()
        Children.remove(process.pid)
        try? input.close()
    }
}
