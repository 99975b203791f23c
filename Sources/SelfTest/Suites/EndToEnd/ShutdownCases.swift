internal import Foundation

/// How a service ends.
enum ShutdownCases {
    static var cases: [TestCase] { [underLoad, whileLoading, interrupted, streamsAtTheEnd] }

    /// Fails unless nobody answers at an address any more.
    private static func expectClosed(_ context: CaseContext, _ client: ServiceClient) async throws {
        var quick = client
        quick.timeoutSeconds = 5
        let answer = try? await quick.request("GET", "/health/live")
        try context.expect(
            answer == nil,
            "the port after the end: expected it closed, found an answer with status \(answer?.status ?? 0)")
    }

    private static func expectClean(_ context: CaseContext, _ report: StopReport, _ service: ManagedService) throws {
        let tail = service.logTail()
        try context.expect(
            !report.wasKilled, "after SIGTERM: expected an end within 30 s, found that it had to be killed",
            evidence: [tail])
        try context.expect(
            report.code == 0, "exit code after SIGTERM: expected 0, found \(report.code)", evidence: [tail])
    }

    private static let underLoad = TestCase.onOwnServices(
        "shutdown.under_load", "a deployment that cuts off the requests which are being answered", quick: true,
        needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        let service = try await context.theProgram().serve(models: [model.name])
        do {
            try await service.client.settle([model.name]) { service.logTail() }
            let client = service.client.patient
            let text = Array(repeating: pair.sentences.joined(separator: " "), count: 24).joined(separator: " ")
            let requests = (0..<4).map { _ in
                Task { try await client.translate([text], pair, model: model.name, with: ["beam_size": 4]) }
            }
            try await client.wait("four texts in the queue") { client in
                try await client.metric("svc_queue_requests") ?? 0 >= 4 ? true : nil
            }
            let report = await service.stop()
            for request in requests {
                let exchange = try await request.value.expect(status: 200)
                let translation = try exchange.json().string("translations", 0, "text")
                try exchange.expect(
                    translation.count > text.count / 3,
                    "text: expected a whole translation, found \(translation.count) characters")
            }
            try expectClean(context, report, service)
            try await expectClosed(context, client)
            context.note(String(format: "ended after %.2f s", report.seconds))
        } catch {
            await service.stop()
            throw error
        }
    }

    private static let whileLoading = TestCase.onOwnServices(
        "shutdown.while_loading", "a service that cannot be stopped until it has loaded"
    ) { context in
        let models = context.portfolio.models.map(\.name)
        let service = try await context.theProgram().serve(models: models)
        let report = await service.stop()
        try expectClean(context, report, service)
        try await expectClosed(context, service.client)
        context.note(String(format: "ended after %.2f s", report.seconds))
    }

    private static let interrupted = TestCase.onOwnServices(
        "shutdown.interrupt", "Ctrl-C that leaves a service behind"
    ) { context in
        let service = try await context.theProgram().serve()
        service.send(SIGINT)
        let code = await service.end(withinSeconds: 30)
        let tail = service.logTail()
        await service.stop()
        try context.expect(
            code == 0, "exit code after SIGINT: expected 0 within 30 s, found \(code.map { "\($0)" } ?? "none")",
            evidence: [tail])
        try await expectClosed(context, service.client)
    }

    private static let streamsAtTheEnd = TestCase.onOwnServices(
        "shutdown.events", "listeners that keep a service from ending, or are left hanging"
    ) { context in
        let service = try await context.theProgram().serve()
        do {
            let client = service.client
            let stream = Task {
                try await client.stream(
                    "GET", "/events", options: StreamOptions(done: .none, silenceSeconds: 60, totalSeconds: 60))
            }
            let socket = try await client.socket("/events/ws")
            try await Task.sleep(for: .milliseconds(300))
            let report = await service.stop()
            let closed = try await socket.closed(timeoutSeconds: 20)
            try context.equal(closed.code, 1001, "close code of the WebSocket")
            try await stream.value.answer.expecting(status: 200)
            try expectClean(context, report, service)
        } catch {
            await service.stop()
            throw error
        }
    }
}
