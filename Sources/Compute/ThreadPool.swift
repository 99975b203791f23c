internal import CKernels
internal import Foundation
internal import Synchronization

/// Threads that share the pieces of one computation. A decoder makes a few hundred such computations for every token, of
/// some ten microseconds each, so a thread that has just worked looks out for the next one for a short while (`spin`)
/// before it sleeps; an idle pool uses no processor time.
///
/// A computation is opened and closed by its caller: `state` counts the threads inside, and a thread that wakes only
/// after the caller has closed it finds the door shut. So nobody waits for a thread that was late, only for those that
/// have a piece in hand.
///
/// A pool's threads keep it alive until `stop()`.
///
/// `@unchecked Sendable`: `body` and `count` are written only by the thread that holds `busy`, while the computation is
/// closed and nobody is inside, and are published by the atomic change of `state`. A workspace is used by one thread at a
/// time: those of the pool's threads by these, the first by the holder of `busy`, the spare ones by whoever took their
/// index out of `spares`.
package final class ThreadPool: @unchecked Sendable {
    /// Lower scheduling priority than the threads that serve requests, as that of `WorkerPool`.
    private static let niceness: Int32 = 5
    /// Looks at a variable between two looks at the clock.
    private static let looksPerClock = 64
    /// Callers that can compute alone at the same time, each with a workspace.
    private static let spareWorkspaces = 16

    /// What `state` consists of: the number of the computation, whether it is open, and how many threads are inside.
    private enum State {
        static let inside: UInt32 = 0xff
        static let open: UInt32 = 0x100
        static let number: UInt32 = 0xffff_fe00
        static let oneNumber: UInt32 = 0x200
    }

    /// The number of threads that compute, the caller's included.
    package let threads: Int
    private let spinNanoseconds: UInt64
    private let workspaces: [Workspace]
    private let spares: Mutex<[Int]>

    private var body: UnsafePointer<(Range<Int>, Int) -> Void>?
    private var count = 0
    private var run = 1

    private let busy = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    // Each on cache lines of its own: the first is looked at by the waiting, the others, one for each thread, changed by
    // the working.
    private let state = UnsafeMutablePointer<PaddedCounter>.allocate(capacity: 1)
    private let next: UnsafeMutablePointer<PaddedCounter>
    /// Threads that `hold` counts, and how many of them the caller of the open computation is: one or none.
    private let computing = Atomic<Int>(0)
    private let callersCounted = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let callerSleeps = Atomic<Bool>(false)
    private let condition = NSCondition()

    /// A pool in which `threads` threads compute: the caller of `forEach` and `threads − 1` of its own.
    ///
    /// - Parameter spin: for how long a thread of the pool looks out for the next computation before it sleeps.
    package init(threads: Int, spin: Duration = .microseconds(60)) {
        let threads = min(max(1, threads), Int(State.inside))
        self.threads = threads
        let (seconds, attoseconds) = spin.components
        spinNanoseconds = UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000
        workspaces = (0..<(threads + Self.spareWorkspaces)).map { _ in Workspace() }
        spares = Mutex(Array(threads..<(threads + Self.spareWorkspaces)))
        state.initialize(to: PaddedCounter())
        next = .allocate(capacity: threads)
        for thread in 0..<threads { (next + thread).initialize(to: PaddedCounter()) }
        for index in 1..<max(2, threads) where index < threads {
            WorkerThread.start(name: "svc-compute-\(index)", niceness: Self.niceness) {
                var seen: UInt32 = 0
                while self.enter(after: &seen) {
                    // Whoever has made way may come again.
                    if !self.runPieces(thread: index) { seen &-= State.oneNumber }
                    self.leave()
                }
            }
        }
    }

    deinit {
        state.deinitialize(count: 1).deallocate()
        next.deinitialize(count: threads).deallocate()
    }

    /// Ends the threads once they have finished what they are at. Computations go on, on their callers alone.
    package func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        condition.withLock { condition.broadcast() }
    }

    /// Calls `body` with 0, 1 … count − 1, spread over the threads, and returns when all have returned. The calls run at
    /// the same time on different threads, so what they write must not overlap.
    ///
    /// One caller at a time uses the threads; a call made meanwhile from elsewhere, or from within a body, runs on its
    /// caller alone. And no more threads take part than `hold` leaves processors for.
    package func forEach(_ count: Int, _ body: (Int) -> Void) { forEach(count) { piece, _ in body(piece) } }

    /// As `forEach`, with a body that is also given the index of a workspace that is its own during the call.
    package func forEach(_ count: Int, _ body: (_ piece: Int, _ thread: Int) -> Void) {
        forRuns(count, of: 1) { run, thread in for piece in run { body(piece, thread) } }
    }

    /// As `forEach` for small pieces of which several together are less work than each for itself: `body` is given runs of
    /// at most `longest` of them, and shorter ones towards the end, so that the threads end together.
    package func forRuns(_ count: Int, of longest: Int, _ body: (_ pieces: Range<Int>, _ thread: Int) -> Void) {
        guard count > 0 else { return }
        func runAlone(_ thread: Int) {
            for start in stride(from: 0, to: count, by: longest) { body(start..<min(count, start + longest), thread) }
        }
        let alone = count == 1 || threads == 1 || stopping.load(ordering: .relaxed)
        guard !busy.exchange(true, ordering: .acquiring) else {
            let thread = takeSpare()
            runAlone(thread)
            spares.withLock { $0.append(thread) }
            return
        }
        if alone {
            runAlone(0)
        } else {
            // The closure does not escape: `share` returns when no thread is inside any more.
            withoutActuallyEscaping(body) { body in
                withUnsafePointer(to: body) { share(count, of: longest, $0) }
            }
        }
        busy.store(false, ordering: .releasing)
    }

    /// The scratch memory of the thread of this index, for the body that was given it.
    package func workspace(_ thread: Int) -> Workspace { workspaces[thread] }

    /// Opens a computation, takes part in it and closes it.
    private func share(_ count: Int, of longest: Int, _ body: UnsafePointer<(Range<Int>, Int) -> Void>) {
        self.body = body
        self.count = count
        run = longest
        callersCounted.store(isCallerCounted ? 1 : 0, ordering: .relaxed)
        for thread in 0..<threads { next[thread].value.store(UInt32(ownPieces(thread).lowerBound), ordering: .relaxed) }
        let closed = state.pointee.value.load(ordering: .relaxed)
        state.pointee.value.store((closed &+ State.oneNumber) | State.open, ordering: .sequentiallyConsistent)
        wakeHelpers()
        runPieces(thread: 0)
        _ = state.pointee.value.bitwiseAnd(~State.open, ordering: .sequentiallyConsistent)
        waitForOthers()
        self.body = nil
    }

    /// Wakes threads of the pool that sleep, if there is room for one.
    private func wakeHelpers() {
        guard sleepers.load(ordering: .sequentiallyConsistent) > 0, room > 0 else { return }
        condition.withLock { condition.broadcast() }
    }

    // MARK: Room for others

    /// Counts the calling thread among those that compute besides, as long as `body` runs. A computation takes no more
    /// threads than they leave of the pool's number: where two threads take turns on a processor, every computation waits
    /// for the one that does not have it. Threads make way at the end of a piece, and come when somebody has gone.
    package func hold<Result>(_ body: () throws -> Result) rethrows -> Result {
        guard let key = Self.counting, !isCallerCounted else { return try body() }
        let other = pthread_getspecific(key)
        pthread_setspecific(key, Unmanaged.passUnretained(self).toOpaque())
        computing.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer {
            pthread_setspecific(key, other)
            computing.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            if state.pointee.value.load(ordering: .sequentiallyConsistent) & State.open != 0 { wakeHelpers() }
        }
        return try body()
    }

    /// The thread variable that says which pool counts a thread; one for the process. Nil where the system has none left:
    /// then nobody is counted, and computations take all threads.
    private static let counting: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, nil) == 0 ? key : nil
    }()

    private var isCallerCounted: Bool {
        guard let key = Self.counting else { return false }
        return pthread_getspecific(key) == Unmanaged.passUnretained(self).toOpaque()
    }

    /// How many of the pool's own threads may be inside now.
    private var room: Int {
        let others = computing.load(ordering: .sequentiallyConsistent) - callersCounted.load(ordering: .relaxed)
        return threads - 1 - max(0, others)
    }

    // MARK: Pieces

    /// The pieces that a thread begins with. They follow one another, so that a thread goes on reading where it has just
    /// read, and what a kernel asks for ahead is for its own next piece.
    private func ownPieces(_ thread: Int) -> Range<Int> { count * thread / threads..<count * (thread + 1) / threads }

    /// Runs this thread's own pieces, and then what the others have left of theirs, until none is left. False where it has
    /// made way to somebody before.
    @inline(never) @discardableResult
    private func runPieces(thread: Int) -> Bool {
        guard let body = body?.pointee else { return true }
        for other in 0..<threads {
            let owner = thread + other < threads ? thread + other : thread + other - threads
            let end = ownPieces(owner).upperBound
            while let pieces = take(of: owner, before: end) {
                body(pieces, thread)
                if thread != 0, Int(state.pointee.value.load(ordering: .relaxed) & State.inside) > room { return false }
            }
        }
        return true
    }

    /// The next pieces of those that `owner` began with: of what is left of these half at most, but for the last.
    @inline(__always)
    private func take(of owner: Int, before end: Int) -> Range<Int>? {
        guard run > 1 else {
            let piece = Int(next[owner].value.wrappingAdd(1, ordering: .relaxed).oldValue)
            return piece < end ? piece..<piece + 1 : nil
        }
        var start = next[owner].value.load(ordering: .relaxed)
        while Int(start) < end {
            let taken = min(run, max(1, (end - Int(start)) / 2))
            let (exchanged, found) = next[owner].value.weakCompareExchange(
                expected: start, desired: start + UInt32(taken), ordering: .relaxed)
            if exchanged { return Int(start)..<Int(start) + taken }
            start = found
        }
        return nil
    }

    /// Waits until no thread is inside the closed computation: each has at most one piece in hand.
    private func waitForOthers() {
        func isEmpty() -> Bool {
            state.pointee.value.load(ordering: .sequentiallyConsistent) & State.inside == 0
        }
        if spin(until: isEmpty) { return }
        // The thread may have lost its processor to somebody else; ours is of more use to others meanwhile.
        callerSleeps.store(true, ordering: .sequentiallyConsistent)
        condition.withLock { while !isEmpty() { condition.wait() } }
        callerSleeps.store(false, ordering: .relaxed)
    }

    /// Waits for a computation with another number than `seen` and enters it. False when the pool stops.
    private func enter(after seen: inout UInt32) -> Bool {
        while !stopping.load(ordering: .relaxed) {
            let now = state.pointee.value.load(ordering: .acquiring)
            guard canEnter(now, after: seen) else {
                waitForChange(from: seen)
                continue
            }
            let entered = state.pointee.value.weakCompareExchange(
                expected: now, desired: now + 1, ordering: .acquiringAndReleasing
            ).exchanged
            guard entered else { continue }
            seen = now & State.number
            return true
        }
        return false
    }

    private func canEnter(_ now: UInt32, after seen: UInt32) -> Bool {
        now & State.open != 0 && now & State.number != seen && Int(now & State.inside) < room
    }

    private func leave() {
        let left = state.pointee.value.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
        guard left & State.inside == 0, callerSleeps.load(ordering: .sequentiallyConsistent) else { return }
        condition.withLock { condition.broadcast() }
    }

    /// Looks out for a computation that can be entered, and then sleeps until there may be one.
    private func waitForChange(from seen: UInt32) {
        func isWaiting() -> Bool {
            !canEnter(state.pointee.value.load(ordering: .sequentiallyConsistent), after: seen)
        }
        // Looking out would cost those who occupy the processors.
        if room > 0, spin(until: { !isWaiting() || stopping.load(ordering: .relaxed) }) { return }
        // Announced before the last look, as `share` opens before it looks for sleepers: one sees the other.
        condition.withLock {
            sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
            while isWaiting(), !stopping.load(ordering: .sequentiallyConsistent) { condition.wait() }
            sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Looks for `spinNanoseconds` at most. True once the condition holds.
    @inline(__always)
    private func spin(until isMet: () -> Bool) -> Bool {
        if isMet() { return true }
        guard spinNanoseconds > 0 else { return false }
        let start = monotonicNanoseconds()
        repeat {
            for _ in 0..<Self.looksPerClock {
                if isMet() { return true }
                svc_pause()
            }
        } while monotonicNanoseconds() &- start < spinNanoseconds
        return isMet()
    }

    /// A workspace for a caller that computes alone. Waits if sixteen others do so at this moment.
    private func takeSpare() -> Int {
        while true {
            if let index = spares.withLock({ $0.popLast() }) { return index }
            sched_yield()
        }
    }
}

/// Nanoseconds of a clock that only goes forward.
private func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// An atomic number with two cache lines to itself: processors fetch lines in pairs.
private struct PaddedCounter: ~Copyable {
    let value = Atomic<UInt32>(0)
    private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    private let more: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
}
