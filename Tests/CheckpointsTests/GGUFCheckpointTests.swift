import Checkpoints
import TestSupport
import Testing

/// Files that the format's own package has written.
@Suite struct GGUFCheckpointTests {
    struct Listed: Decodable {
        var key: String
        var type: String
        var value: String
    }

    struct ListedTensor: Decodable {
        var name: String
        var type: String
        var shape: [Int]
        var bytes: Int
        var values: [Double]
    }

    /// A value as the fixture spells it: bits of floats and bytes of strings in hexadecimal.
    static func rendered(_ value: GGUFValue) -> String {
        switch value {
        case .uint64(let value): "\(value)"
        case .float32(let value): hexadecimal(little(value.bitPattern.bigEndian))
        case .float64(let value): hexadecimal(little(value.bitPattern.bigEndian))
        case .bool(let value): "\(value)"
        case .string(let string): hexadecimal(string.bytes.buffer)
        case .array(let array): rendered(array)
        default: value.integer.map { "\($0)" } ?? "no integer"
        }
    }

    static func rendered(_ array: GGUFArray) -> String {
        let elements: [String] =
            switch array {
            case .arrays(let arrays): arrays.map { rendered($0) }
            case .strings(let strings): (0..<strings.count).map { hexadecimal(strings.bytes(at: $0)) }
            case .scalars(let scalars):
                scalars.booleans?.map { "\($0)" } ?? scalars.integers?.map { "\($0)" } ?? renderedBits(scalars)
            }
        return "[" + elements.joined(separator: ", ") + "]"
    }

    static func renderedBits(_ scalars: GGUFScalarArray) -> [String] {
        let size = scalars.bytes.count / scalars.count
        return (0..<scalars.count).map { index in
            let bytes = scalars.bytes.buffer[(index * size)..<((index + 1) * size)]
            guard scalars.type == .uint64 else { return hexadecimal(bytes.reversed()) }
            return "\(bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })"
        }
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test(arguments: [("gguf/metadata.gguf", 3), ("gguf/metadata-v2.gguf", 2)] as [(String, UInt32)])
    func everyKindOfMetadataIsRead(name: String, version: UInt32) throws {
        let checkpoint = try GGUFCheckpoint(path: Fixtures.path(name))
        let listing = try Fixtures.json("gguf/metadata.json", as: [Listed].self)
        #expect(checkpoint.version == version)
        #expect(checkpoint.files == [Fixtures.path(name)])
        #expect(Set(checkpoint.metadata.keys) == Set(listing.map(\.key)))
        for entry in listing {
            let value = try #require(checkpoint.metadata[entry.key])
            #expect(value.type.description == entry.type, "\(entry.key)")
            #expect(Self.rendered(value) == entry.value, "\(entry.key)")
        }
        #expect(Set(listing.map(\.type)) == Set(GGUFValueType.allCases.map(\.description)))
        #expect(try checkpoint.tensor("weight").floats() == [0, 1, 2, 3, 4, 5, 6, 7])
    }

    @Test(arguments: ["model.gguf", "aligned.gguf", "split-00001-of-00003.gguf", "split-00003-of-00003.gguf"])
    func everyTensorIsRead(name: String) throws {
        let checkpoint = try GGUFCheckpoint(path: Fixtures.path("gguf/\(name)"))
        let listing = try Fixtures.json("gguf/model.json", as: [ListedTensor].self)
        #expect(Set(checkpoint.tensors.keys) == Set(listing.map(\.name)))
        for entry in listing {
            let tensor = try checkpoint.tensor(entry.name)
            #expect(tensor.name == entry.name)
            #expect(tensor.type.description == entry.type)
            #expect(tensor.shape == entry.shape)
            #expect(tensor.rows * tensor.columns == tensor.count)
            #expect(tensor.bytes.count == entry.bytes)
            #expect(tensor.floats().map { Double($0) } == entry.values, "\(entry.name)")
        }
        #expect(try checkpoint.metadata.string("general.name") == "A model of nothing")
        #expect(try checkpoint.metadata.integer("test.block_count") == 2)
    }

    @Test func aLinearLayersShapeIsOutputsByInputs() throws {
        let file = GGUFBuilder(tensors: [GGUFBuilder.Tensor("w", dimensions: [2, 3], size: 24)])
        let tensor = try file.read().tensor("w")
        #expect(tensor.shape == [3, 2])
        #expect(tensor.rows == 3 && tensor.columns == 2)
        #expect(Array(tensor.bytes.buffer.prefix(3)) == [0, 1, 2])
    }

    @Test func aSingleNumberHasNoDimensions() throws {
        let tensor = try GGUFBuilder(tensors: [GGUFBuilder.Tensor("x", dimensions: [], size: 4)]).read().tensor("x")
        #expect(tensor.shape == [])
        #expect(tensor.count == 1 && tensor.rows == 1 && tensor.columns == 1)
        #expect(tensor.bytes.count == 4)
    }

    @Test func tensorsMayStandInAnotherOrderThanTheirNames() throws {
        let file = GGUFBuilder(
            tensors: [
                GGUFBuilder.Tensor("last", offset: 64), GGUFBuilder.Tensor("first", offset: 0),
                GGUFBuilder.Tensor("middle", offset: 32),
            ])
        let checkpoint = try file.read()
        #expect(try checkpoint.tensor("first").bytes.buffer.first == 0)
        #expect(try checkpoint.tensor("middle").bytes.buffer.first == 32)
        #expect(try checkpoint.tensor("last").bytes.buffer.first == 64)
    }

    @Test(arguments: [8, 16, 64, 65536]) func anyAlignmentOfTheFormatIsRead(alignment: Int) throws {
        let file = GGUFBuilder(
            pairs: [GGUFBuilder.Pair("general.alignment", GGUFEncoded.uint32(UInt32(alignment)))],
            tensors: [GGUFBuilder.Tensor("x"), GGUFBuilder.Tensor("y")], alignment: alignment)
        let checkpoint = try file.read()
        #expect(checkpoint.tensors.values.allSatisfy { $0.bytes.count == 16 })
        #expect(try checkpoint.tensor("y").bytes.buffer.first == UInt8(truncatingIfNeeded: max(16, alignment)))
    }

    @Test func paddingAtTheEndMayBeMissing() throws {
        let bytes = GGUFBuilder(tensors: [GGUFBuilder.Tensor("x")]).bytes
        for missing in 0...16 { #expect(try GGUFBuilder.read(bytes.dropLast(missing)).tensors.count == 1) }
        #expect(throws: CheckpointError.self) { try GGUFBuilder.read(bytes.dropLast(17)) }
    }

    @Test func aFileOfMetadataOnlyIsRead() throws {
        let file = GGUFBuilder(pairs: [GGUFBuilder.Pair("a", GGUFEncoded.uint32(5))])
        let checkpoint = try file.read()
        #expect(checkpoint.tensors.isEmpty)
        #expect(try checkpoint.metadata.integer("a") == 5)
        #expect(try GGUFBuilder().read().tensors.isEmpty)
    }

    @Test func aMissingTensorAndAMissingFileAreNamed() throws {
        let checkpoint = try GGUFBuilder(tensors: [GGUFBuilder.Tensor("x")]).read()
        let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor("y") }
        #expect(error == .missingTensor(file: "test.gguf", name: "y"))
        let missing = #expect(throws: CheckpointError.self) { try GGUFCheckpoint(path: "/nowhere/model.gguf") }
        #expect(missing?.description == "/nowhere/model.gguf: cannot open: No such file or directory")
    }

    /// Tensors keep the file mapped after the checkpoint that they came from is gone.
    @Test func tensorsOutliveTheCheckpoint() throws {
        func tensor() throws -> CheckpointTensor {
            try GGUFCheckpoint(path: Fixtures.path("gguf/metadata.gguf")).tensor("weight")
        }
        #expect(try tensor().floats().last == 7)
    }
}
