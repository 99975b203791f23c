import Testing

@testable import Architectures

/// The memory of keys and values: bounded, used again, and given back.
@Suite struct KVPagePoolTests {
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
