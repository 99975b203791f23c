import Foundation
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

    /// Known prefixes lie between the pages of a rush, and stay.
    @Test func theSystemGetsBackWhatARushTook() throws {
        // An allocator that has seen a large block go keeps blocks of up to that size.
        UnsafeMutableRawPointer.allocate(byteCount: 16 << 20, alignment: 64).deallocate()
        let layers = Array(repeating: KVCacheLayout.Layer(kvHeads: 3, headDim: 64, window: nil), count: 30)
        let pool = KVPagePool(layout: KVCacheLayout(layers: layers), limitBytes: 768 << 20)
        let floats = try #require(pool.layout.groups.first).pageFloats
        var pages: [KVPage] = []
        while let page = pool.take(group: 0) {
            page.pointer.update(repeating: 1, count: floats)
            pages.append(page)
        }
        let before = try Self.residentBytes()
        let prefixes = stride(from: 7, to: pages.count, by: 8).map { pages[$0] }
        pages.removeAll()
        let returned = before - (try Self.residentBytes())
        // Seven eighths, but for what is kept and for what other tests take meanwhile.
        #expect(returned > 500 << 20, "\(returned >> 20) MiB of \(pool.limitBytes >> 20)")
        #expect(prefixes.allSatisfy { $0.pointer[floats - 1] == 1 })
    }

    private static func residentBytes() throws -> Int {
        let statm = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(try #require(statm.split(separator: " ").dropFirst().first)) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
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
