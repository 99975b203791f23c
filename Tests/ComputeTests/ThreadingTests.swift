import Compute
import Foundation
import Synchronization
import Testing

/// A count that many threads raise.
final class Counter: Sendable {
    let value = Atomic<Int>(0)
}

@Suite struct ThreadingTests {
    @Test(arguments: [1, 2, 5]) func everyPieceRunsExactlyOnce(threads: Int) {
        let pool = ThreadPool(threads: threads)
        defer { pool.stop() }
        for count in [0, 1, 2, 3, 100, 1000] {
            let calls = Mutex([Int](repeating: 0, count: count))
            pool.forEach(count) { piece in calls.withLock { $0[piece] += 1 } }
            #expect(calls.withLock { $0 } == [Int](repeating: 1, count: count))
        }
    }

    @Test func callsFromManyThreadsAllFinish() async {
        let pool = ThreadPool(threads: 3)
        defer { pool.stop() }
        let total = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    for _ in 0..<50 { pool.forEach(20) { _ in _ = total.value.wrappingAdd(1, ordering: .relaxed) } }
                }
            }
        }
        #expect(total.value.load(ordering: .relaxed) == 16 * 50 * 20)
    }

    @Test func anIdlePoolUsesNoProcessorTime() throws {
        let pool = ThreadPool(threads: 4)
        defer { pool.stop() }
        pool.forEach(100) { _ in }
        func threadsRunning() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").reduce(0) { count, task in
                guard let stat = try? String(contentsOfFile: "/proc/self/task/\(task)/stat", encoding: .utf8),
                    stat.contains("(svc-compute"),
                    let state = stat.split(separator: ")").last?.split(separator: " ").first
                else { return count }
                return count + (state == "R" ? 1 : 0)
            }
        }
        // A thread may still be on its way to sleep; it has got there long before the last look.
        var running = try threadsRunning()
        for _ in 0..<100 where running > 0 {
            Thread.sleep(forTimeInterval: 0.02)
            running = try threadsRunning()
        }
        #expect(running == 0)
    }

    @Test func aWorkspaceGivesBackWhatWasTakenInAScope() {
        let workspace = Workspace()
        let outer = workspace.take(Float.self, count: 100)
        outer.update(repeating: 7, count: 100)
        for _ in 0..<50 {
            workspace.scoped {
                let inner = workspace.take(Float.self, count: 300_000)
                inner.update(repeating: 1, count: 300_000)
                #expect(Int(bitPattern: inner) % 64 == 0)
            }
        }
        #expect((0..<100).allSatisfy { outer[$0] == 7 })
        #expect(workspace.capacityBytes < 4 << 20)
    }
}

@Suite struct ComputeBackendTests {
    @Test func theEnvironmentCapsTheInstructionSet() throws {
        #expect(try ComputeBackend(environment: ["SVC_CPU_ISA": "portable"]).instructionSet == .portable)
        #expect(try ComputeBackend(environment: [:]).instructionSet == min(.amx, InstructionSet.detected))
        #expect(try ComputeBackend(environment: ["SVC_COMPUTE": "openblas"]).products == .openblas)
    }

    @Test func aWrongValueIsNamedWithThoseAllowed() {
        let error = #expect(throws: ComputeConfigurationError.self) {
            try ComputeBackend(environment: ["SVC_CPU_ISA": "sse9"])
        }
        #expect(error?.description == "SVC_CPU_ISA=sse9 is not one of portable, avx2, avx512vnni, amx")
        #expect(throws: ComputeConfigurationError.self) { try ComputeBackend(environment: ["SVC_COMPUTE": "gpu"]) }
    }
}
