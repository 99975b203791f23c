internal import Compute
internal import Synchronization

/// A page of keys and values: a fixed run of positions for all layers of one group. Written by the sequence that took
/// it until it is full, and never changed afterwards, so that sequences may share it. Goes back to its pool when
/// nobody holds it any more.
///
/// `@unchecked Sendable`: one sequence writes while it is the only holder; it is read afterwards.
package final class KVPage: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Float>
    private let buffer: AlignedBuffer<Float>
    private let group: Int
    private let pool: KVPagePool

    fileprivate init(_ buffer: AlignedBuffer<Float>, group: Int, pool: KVPagePool) {
        self.buffer = buffer
        self.group = group
        self.pool = pool
        pointer = buffer.pointer
    }

    deinit { pool.giveBack(buffer, group: group) }
}

/// The memory of all key/value caches of one model, with a bound.
package final class KVPagePool: Sendable {
    private struct State {
        var free: [[AlignedBuffer<Float>]]
        var freeBytes = 0
        var usedBytes = 0
    }

    /// Bytes of free pages that are kept for the next sequence. More would stay for good after a single rush.
    private static let keptBytes = 16 << 20
    /// Pages of so many bytes and more are mappings of their own, so that what is given back is the system's again.
    private static let mappedBytes = 128 << 10

    /// How keys and values lie in a page.
    package let layout: KVCacheLayout
    /// Bytes that pages may take together.
    package let limitBytes: Int
    private let state: Mutex<State>

    /// A pool without pages.
    package init(layout: KVCacheLayout, limitBytes: Int) {
        self.layout = layout
        self.limitBytes = limitBytes
        state = Mutex(State(free: layout.groups.map { _ in [] }))
    }

    /// Bytes of the pages that somebody holds.
    package var usedBytes: Int { state.withLock { $0.usedBytes } }

    /// Bytes of all pages that there are, held or kept for the next sequence.
    package var residentBytes: Int { state.withLock { $0.usedBytes + $0.freeBytes } }

    /// A page for a group, or nil if the bound would be passed.
    func take(group: Int) -> KVPage? {
        let bytes = layout.groups[group].pageBytes
        let (isGranted, kept) = state.withLock { state -> (Bool, AlignedBuffer<Float>?) in
            guard state.usedBytes + bytes <= limitBytes else { return (false, nil) }
            state.usedBytes += bytes
            let kept = state.free[group].popLast()
            if kept != nil { state.freeBytes -= bytes }
            return (true, kept)
        }
        guard isGranted else { return nil }
        return KVPage(kept ?? Self.memory(layout.groups[group]), group: group, pool: self)
    }

    /// A page's memory. It is ready for the whole page: attention reads a page's positions before all are written.
    private static func memory(_ group: KVCacheLayout.Group) -> AlignedBuffer<Float> {
        let mapped =
            group.pageBytes < mappedBytes ? nil : AlignedBuffer<Float>(mapped: group.pageFloats, isPopulated: true)
        // Memory is there as long as the allocator has some, however many mappings the system grants.
        return mapped ?? AlignedBuffer(count: group.pageFloats)
    }

    fileprivate func giveBack(_ buffer: AlignedBuffer<Float>, group: Int) {
        let bytes = layout.groups[group].pageBytes
        state.withLock { state in
            state.usedBytes -= bytes
            guard state.freeBytes + bytes <= Self.keptBytes else { return }
            state.freeBytes += bytes
            state.free[group].append(buffer)
        }
    }
}
