import Foundation

/// Lets so many bytes per second pass, whoever they are for: a bucket that fills steadily. A piece passes whole while there
/// is anything in the bucket, and leaves a debt; so the sum is exact, whatever the sizes of the pieces.
struct BandwidthLimiter {
    /// How much an idle time may save up, in seconds.
    private static let savingSeconds = 0.25
    private(set) var limit: Int?
    private var balance = 0.0
    private var time: Double

    init(limit: Int?, now: Double) {
        self.limit = limit
        time = now
    }

    /// Adds what the time since the last call gives, at the limit that held in it, and sets the limit for what follows.
    mutating func advance(to now: Double, limit: Int?) {
        if let old = self.limit {
            balance = min(balance + Double(old) * max(0, now - time), Double(old) * Self.savingSeconds)
        }
        // A debt is of seconds: a limit that is lifted or raised does not wait out the old one's.
        if limit != self.limit {
            balance = limit.flatMap { new in self.limit.map { balance * Double(new) / Double($0) } } ?? 0
        }
        self.limit = limit
        time = now
    }

    /// Whether bytes may pass now.
    var isOpen: Bool { limit == nil || balance > 0 }

    /// Counts bytes that passed.
    mutating func take(_ bytes: Int) {
        if limit != nil { balance -= Double(bytes) }
    }

    /// How long until it is open, in seconds.
    var secondsUntilOpen: Double {
        guard let limit, balance <= 0 else { return 0 }
        return (1 - balance) / Double(limit)
    }
}

/// How fast bytes come, over the last three seconds.
struct RateMeter {
    private static let slotSeconds = 0.25
    private static let slotCount = 12
    private var slots = [Int](repeating: 0, count: slotCount)
    private var slot = 0
    private var begin: Double

    init(now: Double) {
        begin = now
        slot = Int(now / Self.slotSeconds)
    }

    mutating func add(_ bytes: Int, now: Double) {
        advance(now)
        slots[slot % Self.slotCount] += bytes
    }

    /// Bytes per second.
    mutating func rate(now: Double) -> Double {
        advance(now)
        // The newest slot is not full yet.
        let full = Double(Self.slotCount - 1) * Self.slotSeconds + now - Double(slot) * Self.slotSeconds
        return Double(slots.reduce(0, +)) / max(Self.slotSeconds, min(full, now - begin))
    }

    private mutating func advance(_ now: Double) {
        let current = max(slot, Int(now / Self.slotSeconds))
        if current - slot >= Self.slotCount {
            // After a pause the rate is that of what comes now.
            slots = [Int](repeating: 0, count: Self.slotCount)
            if current - slot > 4 * Self.slotCount { begin = now }
        } else {
            for passed in (slot + 1)..<(max(slot, current) + 1) { slots[passed % Self.slotCount] = 0 }
        }
        slot = current
    }
}

/// The clock of everything here, in seconds: it never goes back.
func monotonicSeconds() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
}
