import Architectures
import Checkpoints
import Compute
import Foundation
import TestSupport
import Testing

/// Quantising while loading: the second start has the same numbers from the file, and whatever happens to the file, the
/// model has its weights.
@Suite struct PackedWeightsTests {
    static let pool = ThreadPool(threads: 2)

    /// Some tensors of a decoder; values depend on the seed.
    static func tensors(seed: UInt64 = 1) -> [CheckpointTensor] {
        let shapes = [
            ("model.embed_tokens.weight", [300, 72]), ("model.layers.0.q_proj.weight", [72, 72]),
            ("model.layers.0.up_proj.weight", [200, 264]), ("model.layers.0.down_proj.weight", [72, 200]),
        ]
        var state = seed
        return shapes.map { name, shape in
            let values = (0..<shape.reduce(1, *)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-36
            }
            return tensor(name, shape, values)
        }
    }

    static func tensor(_ name: String, _ shape: [Int], _ values: [Float]) -> CheckpointTensor {
        let bytes = values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
        return CheckpointTensor(
            name: name, shape: shape, type: .f32, bytes: ByteRegion(copying: bytes, source: "test.safetensors"))
    }

    static func weights(
        _ directory: String?, key: String = "k", _ quantization: PackedWeights.Quantization = .int8,
        _ activations: PackedWeights.Activations = .rounded, advanced: @escaping (Int) throws -> Void = { _ in }
    ) -> PackedWeights {
        PackedWeights(
            directory: directory, key: key, quantization: quantization, activations: activations, pool: pool,
            backend: ComputeBackend(), advanced: advanced)
    }

    /// All rows of all matrices as floats.
    static func load(
        _ packed: PackedWeights, _ tensors: [CheckpointTensor] = tensors()
    ) throws -> (values: [[Float]], outcome: PackedWeights.Outcome) {
        let matrices = try tensors.map(packed.matrix)
        let outcome = packed.finish()
        return (matrices.map(floats), outcome)
    }

    static func floats(_ matrix: WeightMatrix) -> [Float] {
        (0..<matrix.outputs).flatMap { row in
            [Float](unsafeUninitializedCapacity: matrix.inputs) { out, count in
                if let base = out.baseAddress { matrix.expandRow(row, into: base, on: ComputeBackend()) }
                count = matrix.inputs
            }
        }
    }

    static func files(_ directory: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path)
    }

    @Test(arguments: PackedWeights.Quantization.allCases, PackedWeights.Activations.allCases)
    func theSecondStartHasTheSameNumbers(
        quantization: PackedWeights.Quantization, activations: PackedWeights.Activations
    ) async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            var done = 0
            let first = try Self.load(
                Self.weights(directory.path, quantization, activations) { done += $0 })
            #expect(first.outcome.origin == .packed && first.outcome.notes.isEmpty)
            #expect(done == Self.tensors().reduce(0) { $0 + $1.bytes.count })
            let second = try Self.load(Self.weights(directory.path, quantization, activations))
            #expect(second.outcome.origin == .opened && second.outcome.notes.isEmpty)
            #expect(second.outcome.sizeBytes == first.outcome.sizeBytes)
            let inMemory = try Self.load(Self.weights(nil, quantization, activations))
            #expect(inMemory.outcome.origin == .memory && inMemory.outcome.notes.isEmpty)
            #expect(first.values == second.values && first.values == inMemory.values)
            for (values, tensor) in zip(first.values, Self.tensors()) {
                let is4Bits =
                    quantization == .q4 && PackedWeights.place(of: tensor.name) == .other
                    && tensor.columns >= PackedWeights.narrowRows
                let error = zip(values, tensor.floats()).map { abs($0 - $1) }.max() ?? 1
                #expect(error < 0.125 * (is4Bits ? 0.13 : 0.005), "\(tensor.name): \(error)")
            }
            #expect(try Self.files(directory).count == 1)
        }
    }

    @Test func eachWayHasAFileOfItsOwn() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            for round in 0..<2 {
                for (quantization, activations) in [
                    (PackedWeights.Quantization.int8, PackedWeights.Activations.rounded), (.int8, .float),
                    (.q4, .float),
                ] {
                    let outcome = try Self.load(Self.weights(directory.path, quantization, activations)).outcome
                    #expect(outcome.origin == (round == 0 ? .packed : .opened))
                }
            }
            #expect(try Self.files(directory).count == 3)
        }
    }

    @Test func anotherCheckpointIsPackedAnew() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            _ = try Self.load(Self.weights(directory.path, key: "old"), Self.tensors(seed: 1))
            let tensors = Self.tensors(seed: 2)
            let found = try Self.load(Self.weights(directory.path, key: "new"), tensors)
            #expect(found.outcome.origin == .packed)
            #expect(found.outcome.notes.first?.contains("made of int8-rounded old") == true)
            let expected = try Self.load(Self.weights(nil), tensors).values
            #expect(found.values == expected)
            #expect(try Self.load(Self.weights(directory.path, key: "new"), tensors).outcome.origin == .opened)
            #expect(try Self.files(directory).count == 1)
        }
    }

    static let damages: [(String, @Sendable (inout Data) -> Void)] = [
        ("emptied", { $0 = Data() }), ("cut in half", { $0 = $0.prefix($0.count / 2) }),
        ("cut by a byte", { $0.removeLast() }), ("made longer", { $0.append(0) }), ("without magic", { $0[0] = 0 }),
        ("of another version", { $0[8] = 7 }), ("with another table", { $0[$0.count - 3] ^= 4 }),
        ("zeros", { $0 = Data(count: $0.count) }),
    ]

    @Test(arguments: 0..<damages.count) func aDamagedFileIsPackedAnew(index: Int) async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let expected = try Self.load(Self.weights(directory.path)).values
            let file = directory.appendingPathComponent(try #require(try Self.files(directory).first))
            var bytes = try Data(contentsOf: file)
            Self.damages[index].1(&bytes)
            try bytes.write(to: file)
            let found = try Self.load(Self.weights(directory.path))
            #expect(found.outcome.origin == .packed && found.values == expected, "\(Self.damages[index].0)")
            #expect(found.outcome.notes.first?.contains("packed anew") == true)
            #expect(try Self.load(Self.weights(directory.path)).outcome.origin == .opened)
        }
    }

    @Test func aFileThatLacksAMatrixIsNotKept() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            _ = try Self.load(Self.weights(directory.path), Self.tensors().dropLast())
            let found = try Self.load(Self.weights(directory.path))
            let expected = try Self.load(Self.weights(nil)).values
            #expect(found.outcome.notes.count == 1 && found.values == expected)
            #expect(try Self.files(directory).isEmpty)
            #expect(try Self.load(Self.weights(directory.path)).outcome.origin == .packed)
        }
    }

    /// The same name and key, another shape: what is in the file is not used.
    @Test func aMatrixOfAnotherShapeIsNotUsed() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            _ = try Self.load(
                Self.weights(directory.path), [Self.tensor("a", [4, 6], [Float](repeating: 1, count: 24))])
            let other = [Self.tensor("a", [6, 4], [Float](repeating: 2, count: 24))]
            let found = try Self.load(Self.weights(directory.path), other)
            #expect(found.values == [[Float](repeating: 2, count: 24)])
            #expect(try Self.load(Self.weights(directory.path), other).outcome.origin == .packed)
        }
    }

    @Test(arguments: ["/proc/svc", "/dev/null/svc"]) func withoutADirectoryTheWeightsAreInMemory(path: String) throws {
        let found = try Self.load(Self.weights(path))
        #expect(found.outcome.origin == .memory)
        #expect(found.outcome.notes.count == 1 && found.outcome.notes[0].contains("nothing can be kept"))
        let expected = try Self.load(Self.weights(nil)).values
        #expect(found.values == expected)
    }

    /// Whoever has a matrix in memory decides how long: a copy with another layout may have taken its place. What is kept in
    /// a file is made once.
    @Test func whatIsInMemoryOnlyGoesWithTheLastWhoHasIt() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            for path in [nil, directory.path] {
                var done = 0
                let packed = Self.weights(path) { done += $0 }
                let tensor = Self.tensors()[0], bytes = tensor.bytes.count
                var one: WeightMatrix? = try packed.matrix(tensor)
                let values = one.map(Self.floats)
                let two = try packed.matrix(tensor)
                #expect(done == bytes && Self.floats(two) == values, "both are the same memory")
                one = nil
                #expect(try Self.floats(packed.matrix(tensor)) == values && done == bytes)
                withExtendedLifetime(two) {}
                let other = Self.weights(path, key: "other") { done += $0 }
                done = 0
                _ = try other.matrix(tensor)
                #expect(try Self.floats(other.matrix(tensor)) == values)
                #expect(done == (path == nil ? 2 : 1) * bytes, "what nobody had any more was not kept")
                #expect(other.finish().sizeBytes == two.sizeBytes)
            }
        }
    }

    /// A process that ends in the middle leaves a file that nobody believes, and the next start removes.
    @Test func anUnfinishedFileIsNeverBelieved() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            var unfinished: PackedWeights? = Self.weights(directory.path)
            let matrix = try #require(try unfinished?.matrix(Self.tensors()[0]))
            let pending = try #require(try Self.files(directory).first)
            let dead = directory.appendingPathComponent(pending.replacingOccurrences(of: ".partial", with: "x.partial"))
            try FileManager.default.copyItem(at: directory.appendingPathComponent(pending), to: dead)
            unfinished = nil
            #expect(try Self.files(directory) == [dead.lastPathComponent])
            let alone = try Self.load(Self.weights(nil)).values
            #expect(Self.floats(matrix) == alone[0], "its pages are still there")
            // Even under the real name.
            try FileManager.default.copyItem(at: dead, to: directory.appendingPathComponent("int8-rounded.packed"))
            let found = try Self.load(Self.weights(directory.path))
            let expected = try Self.load(Self.weights(nil)).values
            #expect(found.outcome.origin == .packed && found.values == expected)
            #expect(try Self.files(directory) == ["int8-rounded.packed"])
        }
    }

    @Test func twoAtOnceBothSucceed() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let expected = try Self.load(Self.weights(nil)).values
            let path = directory.path
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        for _ in 0..<5 {
                            let found = try Self.load(Self.weights(path)).values
                            #expect(found == expected)
                        }
                    }
                }
                try await group.waitForAll()
            }
            // Interleaved: both begun before either has ended.
            try FileManager.default.removeItem(atPath: path + "/int8-rounded.packed")
            let (a, b) = (Self.weights(path), Self.weights(path))
            let tensors = Self.tensors()
            for tensor in tensors { _ = (try a.matrix(tensor), try b.matrix(tensor)) }
            #expect(a.finish().origin == .packed && b.finish().origin == .packed)
            #expect(try Self.load(Self.weights(path)).outcome.origin == .opened)
            #expect(try Self.files(directory).count == 1)
        }
    }

    @Test(arguments: PackedWeights.Quantization.allCases) func aNumberThatIsNoneIsNamed(
        quantization: PackedWeights.Quantization
    ) async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            var values = [Float](repeating: 1, count: 50 * 40)
            values[33 * 40 + 7] = .nan
            let tensor = Self.tensor("model.layers.0.q_proj.weight", [50, 40], values)
            let error = #expect(throws: CheckpointError.self) {
                try Self.weights(directory.path, quantization).matrix(tensor)
            }
            #expect(
                error?.description
                    == "test.safetensors: the tensor model.layers.0.q_proj.weight is NaN or infinity in row 33, "
                    + "expected finite numbers")
            let left = try Self.files(directory)
            #expect(left.isEmpty)
        }
    }

    @Test func packingCanBeEnded() async throws {
        struct Ended: Error {}
        try await Fixtures.withTemporaryDirectory { directory in
            #expect(throws: Ended.self) {
                try Self.load(Self.weights(directory.path) { _ in throw Ended() })
            }
            let left = try Self.files(directory)
            #expect(left.isEmpty)
        }
    }

    static let places: [(PackedWeights.Place, [String])] = [
        (
            .vocabulary,
            [
                "model.embed_tokens.weight", "lm_head.weight", "shared.weight", "model.shared.weight",
                "token_embd.weight", "output.weight", "embeddings.word_embeddings.weight",
            ]
        ),
        (
            .value,
            [
                "blk.3.attn_v.weight", "model.layers.0.self_attn.v_proj.weight",
                "encoder.layer.0.attention.self.value.weight", "decoder.block.0.layer.1.EncDecAttention.v.weight",
            ]
        ),
        (
            .down,
            [
                "blk.0.ffn_down.weight", "model.layers.9.mlp.down_proj.weight", "model.encoder.layers.0.fc2.weight",
                "encoder.block.0.layer.1.DenseReluDense.wo.weight",
            ]
        ),
        (
            .other,
            [
                "blk.0.attn_output.weight", "encoder.layer.0.output.dense.weight", "blk.0.output.weight", "output", "",
                "model.layers.0.mlp.up_proj.weight", "v",
            ]
        ),
    ]

    @Test(arguments: places) func placesAreKnownByTheirNames(place: PackedWeights.Place, names: [String]) {
        for name in names { #expect(PackedWeights.place(of: name) == place, "\(name)") }
    }

    /// 8 bits where they matter, in a large model's feed-forward layers 4.
    @Test func theBitsOfAMatrixDependOnItsPlace() throws {
        func bits(_ name: String, columns: Int) throws -> Double {
            let tensor = Self.tensor(name, [64, columns], [Float](repeating: 1, count: 64 * columns))
            let size = try Self.weights(nil, .q4, .float).matrix(tensor).sizeBytes
            return Double(size * 8) / Double(64 * columns)
        }
        for name in ["lm_head.weight", "a.v_proj.weight", "a.down_proj.weight"] {
            #expect(try bits(name, columns: 4096) == 8 + 32.0 / 4096)
        }
        #expect(try bits("a.q_proj.weight", columns: 4096) == 4.5)
        #expect(try bits("a.down_proj.weight", columns: 14_336) == 4.5)
        #expect(try bits("lm_head.weight", columns: 8192) == 8 + 32.0 / 8192)
        #expect(try bits("a.q_proj.weight", columns: 256) == 4.5)
        #expect(try bits("a.q_proj.weight", columns: 128) == 8 + 32.0 / 128)
    }
}
