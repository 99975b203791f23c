import Foundation
import Testing

@testable import Architectures

/// The memory of keys and values: bounded, used again, and given back.
@Suite(.serialized) struct KVPagePoolTests {
    /// Two groups: layers that see everything, and one with a window.
    private static let layout = KVCacheLayout(layers: [
        .init(kvHeads: 4, headDim: 64, window: nil), .init(kvHeads: 4, headDim: 64, window: nil),
        .init(kvHeads: 4, headDim: 64, window: 512),
    ])

    @Test func aRushLeavesLittleBehind() {
        let pageBytes = Self.layout.groups.map(\.pageBytes)
        let pool = KVPagePool(layout: Self.layout, limitBytes: 256 << 20)
        var pages: [KVPage] = []
        while let page = pool.take(group: pages.count % 2) { pages.append(page) }
        #expect(pool.usedBytes > pool.limitBytes - (pageBytes.max() ?? 0), "all that the bound allows")
        #expect(pool.residentBytes == pool.usedBytes)

        pages.removeAll()
        #expect(pool.usedBytes == 0)
        #expect(pool.residentBytes <= 16 << 20)
        #expect(pool.residentBytes > 0, "the next sequence begins with pages that are there")
    }

    /// Known prefixes lie between the pages of a rush, and stay.
    @Test func theSystemGetsBackWhatARushTook() throws {
        // An allocator that has seen a large block go keeps blocks of up to that size.
        UnsafeMutableRawPointer.allocate(byteCount: 16 << 20, alignment: 64).deallocate()
        let layers = Array(repeating: KVCacheLayout.Layer(kvHeads: 3, headDim: 64, window: nil), count: 30)
        let pool = KVPagePool(layout: KVCacheLayout(layers: layers), limitBytes: 384 << 20)
        let group = try #require(pool.layout.groups.first)
        var pages: [KVPage] = []
        while let page = pool.take(group: 0) {
            page.pointer.update(repeating: 1, count: group.pageFloats)
            pages.append(page)
        }
        let prefixes = stride(from: 7, to: pages.count, by: 8).map { pages[$0] }
        let addresses = pages.map(\.pointer)
        #expect(addresses.allSatisfy { !Self.isGone($0, bytes: group.pageBytes) })
        pages.removeAll()
        let gone = addresses.count { Self.isGone($0, bytes: group.pageBytes) }
        // Seven eighths, but for what is kept, and for what other tests are given in their places meanwhile.
        #expect(gone > addresses.count / 2, "\(gone) of \(addresses.count)")
        #expect(prefixes.allSatisfy { $0.pointer[group.pageFloats - 1] == 1 })
    }

    /// Whether the process has no memory there any more.
    private static func isGone(_ pointer: UnsafeMutablePointer<Float>, bytes: Int) -> Bool {
        var residency = [UInt8](repeating: 0, count: bytes / sysconf(Int32(_SC_PAGESIZE)) + 1)
        return mincore(pointer, bytes, &residency) != 0 && errno == ENOMEM
    }

    @Test func pagesAreUsedAgain() throws {
        let pool = KVPagePool(layout: Self.layout, limitBytes: 256 << 20)
        let first = try #require(pool.take(group: 1)).pointer
        let resident = pool.residentBytes
        #expect(try #require(pool.take(group: 1)).pointer == first)
        #expect(pool.residentBytes == resident)
    }

    @Test func thereIsABound() throws {
        let pool = KVPagePool(layout: Self.layout, limitBytes: Self.layout.groups[0].pageBytes)
        let page = try #require(pool.take(group: 0))
        #expect(pool.take(group: 0) == nil)
        #expect(pool.take(group: 1) == nil)
        withExtendedLifetime(page) {}
    }
}
