import Compute
import Foundation
import Testing

@Suite struct FreedMemoryTests {
    #if canImport(Glibc)
        /// Small pieces below one that stays: the allocator keeps them all, until it is told.
        @Test func freedMemoryLeavesTheProcess() async throws {
            let size = 64 << 10
            var pieces = (0..<1600).map { _ in
                let piece = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
                memset(piece, 1, size)
                return piece
            }
            let last = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 16)
            defer { last.deallocate() }
            let full = try resident()
            for piece in pieces { piece.deallocate() }
            pieces = []
            await FreedMemory.giveBack()
            // 105 MB were freed; tests that run meanwhile may take some.
            #expect(try resident() < full - 50_000_000)
        }

        private func resident() throws -> Int {
            let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
            return try #require(Int(fields[1])) * Int(getpagesize())
        }
    #endif
}
