import Compute
import Foundation
import Testing

@Suite struct FreedMemoryTests {
    #if canImport(Glibc)
        /// Small pieces below one that stays: the allocator keeps them all, until it is told. In a process of its own, where
        /// no other test takes of them meanwhile.
        @Test func freedMemoryLeavesTheProcess() async {
            await #expect(processExitsWith: .success) {
                let size = 64 << 10
                let pieces = (0..<800).map { _ in
                    let piece = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
                    memset(piece, 1, size)
                    return piece
                }
                let last = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
                defer { last.deallocate() }
                let pages = pieces.flatMap { Self.pages(of: $0, size) }
                #expect(Self.resident(pages) == pages.count)
                for piece in pieces { piece.deallocate() }
                #expect(Self.resident(pages) > pages.count / 2)
                await FreedMemory.giveBack()
                #expect(Self.resident(pages) < pages.count / 20)
            }
        }

        /// The whole pages of a piece of memory.
        private static func pages(of piece: UnsafeMutableRawPointer, _ size: Int) -> [UInt] {
            let page = UInt(getpagesize())
            let (start, end) = (UInt(bitPattern: piece), UInt(bitPattern: piece) + UInt(size))
            return Array(stride(from: (start + page - 1) / page * page, to: end / page * page, by: Int(page)))
        }

        /// How many of the pages are in memory; those that are not mapped any more are not.
        private static func resident(_ pages: [UInt]) -> Int {
            pages.count { page in
                var state: UInt8 = 0
                return mincore(UnsafeMutableRawPointer(bitPattern: page), 1, &state) == 0 && state & 1 == 1
            }
        }
    #endif
}
