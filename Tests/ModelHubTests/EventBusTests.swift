import Foundation
import ModelHub
import Testing

/// What listeners hear of what is published.
@Suite struct EventBusTests {
    /// So many items, as numbers of events, and as `-n` for n that are lost.
    private func take(_ count: Int, _ subscription: EventBus.Subscription) async -> [Int] {
        var numbers: [Int] = []
        while numbers.count < count, let item = await subscription.next() { numbers.append(Self.number(item)) }
        return numbers
    }

    private static func number(_ item: EventBus.Item) -> Int {
        switch item {
        case .event(let event): event.number
        case .missed(let count): -count
        }
    }

    @Test func anEventSaysWhatHappened() async {
        let bus = EventBus()
        let subscription = bus.subscribe()
        let before = Date.now
        bus.publish(.downloadProgress, model: "m", ["bytes": .integer(5), "path": .text("a"), "share": .number(0.5)])
        guard case .event(let event) = await subscription.next() else { return #expect(Bool(false), "no event") }
        #expect(event.number == 1 && event.kind == .downloadProgress && event.model == "m")
        #expect(event.fields == ["bytes": .integer(5), "path": .text("a"), "share": .number(0.5)])
        #expect(event.time >= before && event.time <= Date.now)
    }

    @Test func everyListenerHearsAllInOrder() async {
        let bus = EventBus(capacity: 20_000)
        let listeners = (0..<50).map { _ in bus.subscribe() }
        await withTaskGroup(of: [Int].self) { group in
            for listener in listeners { group.addTask { await self.take(4000, listener) } }
            // Several publish at once; the bus makes one order of it.
            await withTaskGroup(of: Void.self) { publishers in
                for _ in 0..<4 {
                    publishers.addTask { for _ in 0..<1000 { bus.publish(.modelState) } }
                }
            }
            for await numbers in group { #expect(numbers == Array(1...4000)) }
        }
        #expect(bus.lastNumber == 4000)
    }

    @Test func aListenerHearsNothingOfBefore() async {
        let bus = EventBus()
        bus.publish(.modelState)
        let subscription = bus.subscribe()
        bus.publish(.modelState)
        #expect(await take(1, subscription) == [2])
    }

    /// Ten events of which the bus keeps four or more, and a listener who knows the first so many; then comes another.
    @Test(arguments: [0, 1, 4, 5, 6, 7, 9, 10]) func aListenerGoesOnFromWhereItWas(known: Int) async {
        let bus = EventBus(capacity: 4)
        for _ in 0..<10 { bus.publish(.modelState) }
        let subscription = bus.subscribe(after: known)
        bus.publish(.modelState)
        let first = await take(1, subscription)[0]
        let missed = max(0, -first)
        let others = await take(11 - known - max(1, missed), subscription)
        let rest = missed > 0 ? others : [first] + others
        #expect(rest == Array((known + missed + 1)...11))
        if known >= 6 { #expect(missed == 0) } else { #expect(rest.count >= 4) }
    }

    @Test(arguments: [(-3, 1), (0, 1), (3, 4), (4, 4), (1_000_000, 4), (.max, 4), (.min, 1)])
    func aNumberThatCannotBeKnownIsBroughtIntoRange(known: Int, first: Int) async {
        let bus = EventBus()
        for _ in 0..<3 { bus.publish(.modelState) }
        let subscription = bus.subscribe(after: known)
        bus.publish(.modelState)
        #expect(await take(1, subscription) == [first])
    }

    @Test func aSlowListenerIsToldHowManyItHasMissed() async {
        let bus = EventBus(capacity: 8)
        let subscription = bus.subscribe()
        bus.publish(.modelState)
        #expect(await take(1, subscription) == [1])
        for _ in 0..<1000 { bus.publish(.modelState) }
        let missed = await take(1, subscription)[0]
        let rest = await take(1000 + missed, subscription)
        // Nothing is told twice, nothing is left out, and at least `capacity` events are still there.
        #expect(missed < 0 && rest.count >= 8)
        #expect(rest == Array((2 - missed)...1001))
        bus.publish(.modelState)
        #expect(await take(1, subscription) == [1002])
    }

    @Test func closingEndsEveryListenerAfterWhatItHasNotHeard() async {
        let bus = EventBus()
        let (behind, waiting) = (bus.subscribe(), bus.subscribe(after: 0))
        let task = Task { await self.take(5, waiting) }
        bus.publish(.modelState)
        bus.publish(.modelState)
        bus.close()
        #expect(await task.value == [1, 2])
        #expect(await take(5, behind) == [1, 2])
        bus.publish(.modelState)
        #expect(bus.lastNumber == 2)
        #expect(await behind.next() == nil)
        #expect(await bus.subscribe().next() == nil)
    }

    /// Cancelled before, while it waits, and in the moment in which something comes.
    @Test func cancellationEndsTheWaiting() async {
        let bus = EventBus()
        let subscription = bus.subscribe()
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await subscription.next()
        }
        #expect(await early.value == nil)
        for delay in [0, 0, 0, 1, 5] {
            let task = Task { await subscription.next() }
            try? await Task.sleep(for: .milliseconds(delay))
            task.cancel()
            #expect(await task.value == nil)
        }
        for _ in 0..<500 {
            let other = bus.subscribe()
            let task = Task { await other.next() }
            async let published: Void = bus.publish(.modelState)
            task.cancel()
            await published
            _ = await task.value
        }
        // Nothing is lost to the one whose task was cancelled.
        #expect(await take(3, subscription) == [1, 2, 3])
    }

    @Test func lettingGoEndsTheListening() async {
        let bus = EventBus()
        for _ in 0..<100 {
            let subscription = bus.subscribe()
            bus.publish(.modelState)
            #expect(bus.listenerCount == 1)
            #expect(await subscription.next() != nil)
        }
        #expect(bus.listenerCount == 0)
        let tasks = (0..<100).map { _ in Task { await bus.subscribe().next() } }
        while bus.listenerCount < 100 { await Task.yield() }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.value }
        #expect(bus.listenerCount == 0)
    }

    /// Listeners of every speed, who come and go while much is published: each hears every number once, in order, as an
    /// event or among those that are missed.
    @Test func manyListenersOfEverySpeed() async {
        let bus = EventBus(capacity: 16)
        let total = 3000
        await withTaskGroup(of: Void.self) { group in
            for listener in 0..<100 {
                let known = listener.isMultiple(of: 3) ? 0 : nil
                let subscription = bus.subscribe(after: known)
                group.addTask {
                    var last = 0
                    while last < total, let item = await subscription.next() {
                        switch item {
                        case .event(let event):
                            #expect(event.number == last + 1)
                            last = event.number
                        case .missed(let count):
                            #expect(count > 0)
                            last += count
                        }
                        for _ in 0..<(listener % 7) { await Task.yield() }
                    }
                    #expect(last == total)
                }
            }
            for _ in 0..<total {
                bus.publish(.modelState)
                await Task.yield()
            }
        }
        #expect(bus.listenerCount == 0)
    }

    /// Whatever is published, and whoever does not listen: the bus holds what it keeps and no more.
    @Test func theBusDoesNotGrow() async {
        let bus = EventBus(capacity: 64)
        let idle = (0..<50).map { _ in bus.subscribe() }
        for _ in 0..<20_000 { bus.publish(.modelState, ["text": .text(String(repeating: "x", count: 1000))]) }
        for subscription in idle {
            let missed = await take(1, subscription)[0]
            #expect(missed <= -(20_000 - 2 * 64), "\(missed)")
            let kept = await take(20_000 + missed, subscription)
            #expect(kept.count >= 64 && kept == Array((1 - missed)...20_000))
        }
    }
}
