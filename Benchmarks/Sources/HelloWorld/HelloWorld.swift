internal import Foundation
internal import Hummingbird

/// The least that a service of this kind does: a router with one route that answers a constant. What it answers in a
/// second is what the routes of `svc serve` are held against.
@main
struct HelloWorld {
    static func main() async throws {
        let router = Router()
        router.get("/") { _, _ in "Hello, world!" }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                // As `svc serve` does: who started it reads the port that the system chose.
                let line = "listening on http://127.0.0.1:\(channel.localAddress?.port ?? 0)\n"
                FileHandle.standardError.write(Data(line.utf8))
            })
        try await application.runService()
    }
}
