import Compute
import Foundation
import Synchronization
import Testing

/// The pool under the load of a decoder: very many short computations, from several callers, to the moment it stops.
@Suite struct ThreadPoolTests {
    /// A number per piece, written by whichever thread runs it.
    final class Marks: @unchecked Sendable {
        let values: UnsafeMutablePointer<Int>
        let count: Int

        init(_ count: Int) {
            self.count = count
            values = .allocate(capacity: count)
            values.initialize(repeating: 0, count: count)
        }

        deinit { values.deallocate() }
    }

    @Test(arguments: [2, 3, 4], [Duration.microseconds(60), .zero])
    func noneOfManyShortComputationsIsLostOrDoubled(threads: Int, spin: Duration) {
        let pool = ThreadPool(threads: threads, spin: spin)
        defer { pool.stop() }
        let marks = Marks(16)
        let rounds = spin == .zero ? 5_000 : 40_000
        for round in 0..<rounds {
            let count = 1 + round % 16
            // Not atomic on purpose: what pieces write must be seen by the caller when the call returns.
            pool.forEach(count) { piece in marks.values[piece] += 1 }
            guard round % 1000 == 999 else { continue }
            // Piece p is part of the computations of more than p pieces: 16 − p of every sixteen.
            let (whole, rest) = (round + 1).quotientAndRemainder(dividingBy: 16)
            for piece in 0..<16 { #expect(marks.values[piece] == whole * (16 - piece) + max(0, rest - piece)) }
        }
    }

    /// Neighbouring pieces read neighbouring memory, and what a kernel asks for ahead is the next piece's.
    @Test func threadsBeginWithPiecesThatFollowOneAnother() {
        let pool = ThreadPool(threads: 3)
        defer { pool.stop() }
        for _ in 0..<200 {
            let firsts = Mutex([Int: Int]())
            pool.forEach(9) { piece, thread in
                let begins = firsts.withLock { firsts in
                    defer { if firsts[thread] == nil { firsts[thread] = piece } }
                    return firsts[thread] == nil
                }
                // Nobody is done with a first piece before everybody has one.
                while begins, firsts.withLock({ $0.count < 3 }) { sched_yield() }
            }
            #expect(firsts.withLock { $0 } == [0: 0, 1: 3, 2: 6])
        }
    }

    /// Runs of pieces are as long as they may be first, and then half of what is left of a thread's share, so that nobody
    /// has a long one in hand when the others are done.
    @Test func runsBecomeShorterTowardsTheEnd() {
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for _ in 0..<200 {
            let runs = Mutex([Range<Int>]())
            pool.forRuns(24, of: 4) { run, _ in runs.withLock { $0.append(run) } }
            #expect(
                runs.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
                    == [0..<4, 4..<8, 8..<10, 10..<11, 11..<12, 12..<16, 16..<20, 20..<22, 22..<23, 23..<24])
        }
        let alone = ThreadPool(threads: 1)
        var runs: [Range<Int>] = []
        alone.forRuns(10, of: 4) { run, _ in runs.append(run) }
        #expect(runs == [0..<4, 4..<8, 8..<10])
    }

    /// Computations of runs of every length, one after the other.
    @Test(arguments: [2, 3]) func noPieceOfManyRunsIsLostOrDoubled(threads: Int) {
        let pool = ThreadPool(threads: threads)
        defer { pool.stop() }
        let marks = Marks(40)
        for round in 0..<20_000 {
            pool.forRuns(40, of: 1 + round % 13) { run, _ in for piece in run { marks.values[piece] += 1 } }
        }
        #expect((0..<40).allSatisfy { marks.values[$0] == 20_000 })
    }

    /// How many threads compute together is the number that processors are left for, whoever else computes.
    @Test(arguments: 0...5) func aComputationLeavesToOthersWhatTheyOccupy(others: Int) {
        let pool = ThreadPool(threads: 4)
        defer { pool.stop() }
        let (began, end, ended) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        for _ in 0..<others {
            WorkerThread.start(name: "other") {
                pool.hold {
                    began.signal()
                    end.wait()
                }
                ended.signal()
            }
        }
        for _ in 0..<others { began.wait() }
        let expected = max(1, 4 - others)
        func expectThreads(_ expected: Int) {
            for _ in 0..<200 {
                let threads = Mutex(Set<Int>())
                pool.forEach(32) { _, thread in
                    threads.withLock { _ = $0.insert(thread) }
                    // Nobody goes on before everybody is there who may be.
                    while threads.withLock({ $0.count < expected }) { sched_yield() }
                }
                #expect(threads.withLock { $0.count } == expected)
            }
        }
        expectThreads(expected)
        // The caller does not count itself among the others.
        pool.hold { pool.hold { expectThreads(expected) } }
        for _ in 0..<others { end.signal() }
        for _ in 0..<others { ended.wait() }
        expectThreads(4)
    }

    /// In the middle of a computation: a thread makes way when somebody begins to compute, and comes when somebody ends.
    @Test func threadsMakeWayAndComeAgain() {
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for _ in 0..<50 {
            let (begin, begun, end) = (
                DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
            )
            WorkerThread.start(name: "other") {
                begin.wait()
                pool.hold {
                    begun.signal()
                    end.wait()
                }
            }
            let state = Mutex((pieces: 0, helped: 0, alone: 0, isOther: false, isOver: false))
            pool.forEach(20_000) { _, thread in
                let (step, isOver) = state.withLock { state -> (Int, Bool) in
                    state.pieces += 1
                    if state.isOther { state.alone += 1 }
                    if thread == 1 { state.helped += 1 }
                    return (state.helped, state.isOver)
                }
                guard thread == 0 else {
                    // So that there is enough left however long the caller waits for the third thread.
                    usleep(50)
                    return
                }
                // The caller does not run ahead of the thread that is to help.
                if step == 0, !isOver, state.withLock({ !$0.isOther }) {
                    while state.withLock({ $0.helped == 0 }) { sched_yield() }
                } else if !isOver, state.withLock({ !$0.isOther }) {
                    begin.signal()
                    begun.wait()
                    state.withLock { ($0.isOther, $0.helped) = (true, 0) }
                }
                // The other thread has at most one piece in hand when it is to go: thousands go by without it.
                if state.withLock({ $0.isOther && $0.alone == 2_000 }) {
                    state.withLock {
                        #expect($0.helped <= 1)
                        ($0.isOther, $0.isOver, $0.helped) = (false, true, 0)
                    }
                    end.signal()
                }
                // It comes again, without a new computation.
                if isOver, step == 0 { while state.withLock({ $0.helped == 0 }) { sched_yield() } }
            }
            let (isOver, helped, pieces) = state.withLock { ($0.isOver, $0.helped, $0.pieces) }
            #expect(isOver && helped > 0 && pieces == 20_000)
        }
    }

    @Test func aPieceHasAWorkspaceOfItsOwn() {
        let pool = ThreadPool(threads: 4)
        defer { pool.stop() }
        let inUse = Mutex(Set<Int>())
        let threads = (0..<3).map { _ in
            let done = DispatchSemaphore(value: 0)
            WorkerThread.start(name: "caller") {
                for _ in 0..<300 {
                    pool.forEach(8) { _, thread in
                        let isFree = inUse.withLock { $0.insert(thread).inserted }
                        #expect(isFree)
                        pool.workspace(thread).scoped {
                            let room = pool.workspace(thread).take(Int.self, count: 64)
                            room.update(repeating: thread, count: 64)
                            #expect((0..<64).allSatisfy { room[$0] == thread })
                        }
                        _ = inUse.withLock { $0.remove(thread) }
                    }
                }
                done.signal()
            }
            return done
        }
        for done in threads { done.wait() }
    }

    @Test func aBodyMayCallThePoolItself() {
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let total = Counter()
        pool.forEach(10) { _ in
            pool.forEach(10) { _ in total.value.add(1, ordering: .relaxed) }
        }
        #expect(total.value.load(ordering: .relaxed) == 100)
    }

    @Test func stoppingInTheMiddleLosesNothing() {
        for _ in 0..<50 {
            let pool = ThreadPool(threads: 3)
            let total = Counter()
            let done = DispatchSemaphore(value: 0)
            WorkerThread.start(name: "caller") {
                for _ in 0..<200 { pool.forEach(7) { _ in total.value.add(1, ordering: .relaxed) } }
                done.signal()
            }
            Thread.sleep(forTimeInterval: 0.000_2)
            pool.stop()
            done.wait()
            #expect(total.value.load(ordering: .relaxed) == 1400)
        }
    }

    /// A pool that was stopped lets go of its threads, and they of it.
    @Test func aStoppedPoolIsReleased() {
        weak var released: ThreadPool?
        do {
            let pool = ThreadPool(threads: 3)
            released = pool
            pool.forEach(10) { _ in }
            pool.stop()
        }
        for _ in 0..<500 where released != nil { Thread.sleep(forTimeInterval: 0.01) }
        #expect(released == nil)
    }
}
