import Checkpoints
import Foundation
import TestSupport
import Testing

/// Checkpoints in several files.
@Suite struct GGUFSplitTests {
    static func name(_ number: Int, of count: Int = 3, _ stem: String = "split") -> String {
        "\(stem)-0000\(number)-of-0000\(count).gguf"
    }

    /// Calls `body` with a directory that holds copies of the three parts.
    static func withParts(_ body: (URL) throws -> Void) async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            for number in 1...3 {
                try FileManager.default.copyItem(
                    atPath: Fixtures.path("gguf/\(name(number))"), toPath: directory.appending(path: name(number)).path)
            }
            try body(directory)
        }
    }

    static func failure(_ url: URL) throws -> String {
        try #require(#expect(throws: CheckpointError.self) { try GGUFCheckpoint(path: url.path) }).description
    }

    static func place(_ number: UInt32, of count: UInt32, tensors: UInt32? = nil) -> [GGUFBuilder.Pair] {
        [
            GGUFBuilder.Pair("split.no", GGUFEncoded.uint32(number)),
            GGUFBuilder.Pair("split.count", GGUFEncoded.uint32(count)),
        ] + (tensors.map { [GGUFBuilder.Pair("split.tensors.count", GGUFEncoded.uint32($0))] } ?? [])
    }

    static func write(_ file: GGUFBuilder, to url: URL) throws { try Data(file.bytes).write(to: url) }

    @Test(arguments: 1...3) func anyPartLeadsToAllOfThem(number: Int) async throws {
        try await Self.withParts { directory in
            let checkpoint = try GGUFCheckpoint(path: directory.appending(path: Self.name(number)).path)
            #expect(checkpoint.files == (1...3).map { directory.appending(path: Self.name($0)).path })
            #expect(checkpoint.file == checkpoint.files[number - 1])
            #expect(checkpoint.tensors.count == 9)
            #expect(try checkpoint.metadata.string("general.architecture") == "test")
            #expect(Set(checkpoint.tensors.values.map(\.bytes.source)) == Set(checkpoint.files))
        }
    }

    /// A download cache has links whose targets are named after their contents.
    @Test func partsAreFoundBesideALink() async throws {
        try await Self.withParts { directory in
            let links = directory.appending(path: "snapshot")
            try FileManager.default.createDirectory(at: links, withIntermediateDirectories: true)
            for number in 1...3 {
                try FileManager.default.moveItem(
                    at: directory.appending(path: Self.name(number)), to: directory.appending(path: "blob\(number)"))
                try FileManager.default.createSymbolicLink(
                    atPath: links.appending(path: Self.name(number)).path, withDestinationPath: "../blob\(number)")
            }
            let checkpoint = try GGUFCheckpoint(path: links.appending(path: Self.name(2)).path)
            #expect(checkpoint.tensors.count == 9)
        }
    }

    @Test(arguments: 1...3) func aMissingPartIsNamed(number: Int) async throws {
        try await Self.withParts { directory in
            let missing = directory.appending(path: Self.name(number))
            try FileManager.default.removeItem(at: missing)
            let message = try Self.failure(directory.appending(path: Self.name(number % 3 + 1)))
            #expect(message == "\(missing.path): cannot open part \(number) of 3: No such file or directory")
        }
    }

    @Test func swappedPartsAreNamed() async throws {
        try await Self.withParts { directory in
            let (second, third) = (directory.appending(path: Self.name(2)), directory.appending(path: Self.name(3)))
            let spare = directory.appending(path: "spare")
            try FileManager.default.moveItem(at: second, to: spare)
            try FileManager.default.moveItem(at: third, to: second)
            try FileManager.default.moveItem(at: spare, to: third)
            for start in [directory.appending(path: Self.name(1)), second] {
                let message = try Self.failure(start)
                #expect(message.hasPrefix("\(second.path): "))
                #expect(message.contains("its name says part 2 of 3, its metadata part 3 of 3"))
            }
        }
    }

    @Test func aRenamedPartIsRefused() async throws {
        try await Self.withParts { directory in
            let renamed = directory.appending(path: "model.gguf")
            try FileManager.default.moveItem(at: directory.appending(path: Self.name(1)), to: renamed)
            let message = try Self.failure(renamed)
            #expect(message.contains("this is part 1 of 3, but its name does not end in -00001-of-00003.gguf"))
        }
    }

    @Test func aDamagedPartIsNamed() async throws {
        try await Self.withParts { directory in
            let second = directory.appending(path: Self.name(2))
            try Data(contentsOf: second).dropLast(100).write(to: second)
            #expect(try Self.failure(directory.appending(path: Self.name(1))).hasPrefix("\(second.path): "))
        }
    }

    /// What stands where the second of two parts should, and what the error says of it.
    static let intruders: [(name: String, file: GGUFBuilder, says: String)] = [
        ("a whole model", GGUFBuilder(tensors: [.init("y")]), "its metadata no part at all"),
        ("a part of three", GGUFBuilder(pairs: place(1, of: 3, tensors: 2), tensors: [.init("y")]), "part 2 of 3"),
        (
            "a part of a larger model", GGUFBuilder(pairs: place(1, of: 2, tensors: 9), tensors: [.init("y")]),
            "part of another checkpoint"
        ),
        (
            "a part of an older version",
            GGUFBuilder(version: 2, pairs: place(1, of: 2, tensors: 2), tensors: [.init("y")]),
            "part of another checkpoint"
        ),
        (
            "a part of another architecture",
            GGUFBuilder(
                pairs: place(1, of: 2, tensors: 2) + [.init("general.architecture", GGUFEncoded.string("b"))],
                tensors: [.init("y")]), "its metadata \"general.architecture\" is not that of"
        ),
        (
            "a part with the first one's tensor",
            GGUFBuilder(pairs: place(1, of: 2, tensors: 2), tensors: [.init("x")]),
            "the tensor \"x\" is in"
        ),
        ("the first part again", GGUFBuilder(pairs: place(0, of: 2, tensors: 2), tensors: [.init("x")]), "part 1 of 2"),
        ("no GGUF file", GGUFBuilder(magic: "GGML"), "does not begin with the letters GGUF"),
    ]

    @Test(arguments: intruders.indices) func aPartOfSomethingElseIsNamed(index: Int) async throws {
        let intruder = Self.intruders[index]
        try await Fixtures.withTemporaryDirectory { directory in
            let first = directory.appending(path: Self.name(1, of: 2))
            let second = directory.appending(path: Self.name(2, of: 2))
            let architecture = GGUFBuilder.Pair("general.architecture", GGUFEncoded.string("a"))
            try Self.write(
                GGUFBuilder(pairs: Self.place(0, of: 2, tensors: 2) + [architecture], tensors: [.init("x")]), to: first)
            try Self.write(
                GGUFBuilder(pairs: Self.place(1, of: 2, tensors: 2) + [architecture], tensors: [.init("y")]), to: second
            )
            #expect(try GGUFCheckpoint(path: first.path).tensors.count == 2)
            try Self.write(intruder.file, to: second)
            let message = try Self.failure(first)
            #expect(message.hasPrefix("\(second.path): "), "\(intruder.name): \(message)")
            #expect(message.contains(intruder.says), "\(intruder.name): \(message)")
        }
    }

    @Test func tooFewTensorsInAllPartsAreCounted() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            for number in 1...2 {
                try Self.write(
                    GGUFBuilder(
                        pairs: Self.place(UInt32(number - 1), of: 2, tensors: 3), tensors: [.init("\(number)")]),
                    to: directory.appending(path: Self.name(number, of: 2)))
            }
            let message = try Self.failure(directory.appending(path: Self.name(2, of: 2)))
            #expect(message.contains("the 2 parts have 2 tensors, split.tensors.count says 3"))
        }
    }

    @Test func bytesWithoutAPlaceCannotBeAPart() throws {
        let bytes = GGUFBuilder(pairs: Self.place(1, of: 2, tensors: 2), tensors: [.init("y")]).bytes
        let region = ByteRegion(copying: bytes, source: Self.name(2, of: 2))
        let error = #expect(throws: CheckpointError.self) { try GGUFCheckpoint(region) }
        #expect(error?.description.contains("a part of a split checkpoint without split-00001-of-00002.gguf") == true)
    }

    /// One file of one is what some tools write, under any name.
    @Test func aCheckpointOfOnePartNeedsNoSpecialName() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let url = directory.appending(path: "model.gguf")
            try Self.write(GGUFBuilder(pairs: Self.place(0, of: 1, tensors: 1), tensors: [.init("x")]), to: url)
            #expect(try GGUFCheckpoint(path: url.path).files == [url.path])
        }
    }
}
