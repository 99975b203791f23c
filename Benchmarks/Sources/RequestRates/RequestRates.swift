internal import BenchmarkSupport
internal import Foundation
internal import SelfTest

/// Requests a second of /health and /detect beside those of a Hummingbird service that does nothing, on this machine and
/// at this moment: the ratio belongs to the program, the numbers to the machine.
@main
struct RequestRates {
    private static let rounds = 3

    /// Something that answers.
    private struct Target {
        var name: String
        var address: String
        var script: String?
        /// The least that its ratio is to be; nil for the one that the others are held against.
        var target: Double?
        var rates: [Double] = []

        var median: Double { rates.sorted()[rates.count / 2] }
    }

    static func main() async throws {
        guard let wrk = Wrk.installed else {
            FileHandle.standardError.write(
                Data("wrk is not installed, so requests a second are not measured: apt-get install wrk\n".utf8))
            exit(1)
        }
        let hello = try await ServiceManager(program: besides("HelloWorld")).start()
        let service = try await MeasuredProgram.serve(models: ["lid-176"])
        let address = service.client.baseURL
        let detect = MeasuredProgram.repository + "/Benchmarks/Sources/RequestRates/detect.lua"
        var targets = [
            Target(name: "hello world", address: hello.client.baseURL + "/"),
            Target(name: "GET /health", address: address + "/health", target: 0.8),
            Target(name: "POST /detect", address: address + "/detect", script: detect, target: 0.4),
        ]
        do {
            // In turn, so that a slow moment of the machine meets all alike. The first round warms up.
            for round in 0...rounds {
                for index in targets.indices {
                    let rate = try await wrk.rate(
                        targets[index].address, script: targets[index].script, seconds: round == 0 ? 2 : 5)
                    if round > 0 { targets[index].rates.append(rate) }
                }
            }
        } catch {
            await hello.stop()
            await service.stop()
            throw error
        }
        await hello.stop()
        await service.stop()
        print(table(targets))
    }

    private static func table(_ targets: [Target]) -> String {
        let base = targets[0].median
        let lines = targets.map { target in
            let rate = String(format: "%9.0f requests/s", target.median)
            let name = target.name.padding(toLength: 14, withPad: " ", startingAt: 0)
            guard let least = target.target else { return "\(name)\(rate)" }
            let ratio = target.median / base
            return "\(name)\(rate)"
                + String(
                    format: "  %.2f × hello world (target %.2f: %@)", ratio, least, ratio < least ? "MISSED" : "met")
        }
        return "wrk -t2 -c64, median of \(rounds) rounds\n" + lines.joined(separator: "\n")
    }

    /// A program that was built with this one.
    private static func besides(_ name: String) -> String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent(name).path
    }
}
