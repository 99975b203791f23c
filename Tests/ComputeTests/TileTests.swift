import Compute
import TestSupport
import Testing
import TileEmulator

/// Products of 8-bit matrices by AMX tiles: the bits of the other instruction sets, whatever the shape leaves of a tile.
@Suite struct TileTests {
    /// Rows that fill a block, two, or neither; one more and one less; and more than two blocks.
    private static let rows = [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 48, 65, 100]

    /// One tile of depth, several, and what no tile divides; columns that fill panels by one, two and four, and not.
    @Test(arguments: [(64, 16), (64, 200), (192, 65), (256, 96), (256, 600), (1536, 48), (1536, 130), (260, 70)])
    func aShapeGivesTheBitsOfOtherInstructionSets(inputs: Int, outputs: Int) throws {
        // Without AVX-512 there is neither the processor's nor an emulated tile, and nothing that could be wrong.
        guard let backend = tiles else { return }
        var generator = Generator(state: UInt64(inputs + outputs))
        let weights = generator.bytes(inputs * outputs)
        let x = generator.floats(100 * inputs)
        let bias = AlignedBuffer(generator.floats(outputs), paddedTo: 16)
        for activations in [ActivationQuantization.fixed(multiplier: 41), .dynamic] {
            func product(_ rows: Int, on backend: ComputeBackend) -> [UInt32] {
                let linear = Linear.int8(
                    Int8Linear(
                        weights: weights, inputs: inputs, outputs: outputs, weightMultiplier: 77,
                        activations: activations, bias: bias, for: backend))
                let out = TestMatrix(rows: rows, columns: outputs)
                let source = TestMatrix(Array(x.prefix(rows * inputs)), rows: rows, columns: inputs)
                linear.apply(source.view, into: out.view, on: backend, Workspace())
                return out.bits
            }
            for rows in Self.rows {
                let before = svc_tile_instructions()
                let found = product(rows, on: backend)
                if backend.instructionSet != InstructionSet.detected {
                    let tiled = rows >= 8 && inputs % 64 == 0
                    #expect((svc_tile_instructions() > before) == tiled, "\(rows) rows: tiles are used where they pay")
                }
                #expect(found == product(rows, on: ComputeBackend(instructionSet: .portable)), "\(rows) rows")
            }
        }
    }

    /// The largest sums that there are: rows of 255 times columns of −127 and 127.
    @Test func extremesDoNotSaturate() throws {
        guard let backend = tiles else { return }
        let (inputs, outputs, rows) = (1536, 32, 20)
        let weights = (0..<(inputs * outputs)).map { Int8($0 / inputs % 2 == 0 ? 127 : -127) }
        let linear = Linear.int8(
            Int8Linear(
                weights: weights, inputs: inputs, outputs: outputs, weightMultiplier: 1,
                activations: .fixed(multiplier: 100), bias: nil, for: backend))
        let out = TestMatrix(rows: rows, columns: outputs)
        let x = (0..<(rows * inputs)).map { Float($0 / inputs % 2 == 0 ? 9 : -9) }
        linear.apply(TestMatrix(x, rows: rows, columns: inputs).view, into: out.view, on: backend, Workspace())
        for row in 0..<rows {
            for column in 0..<outputs {
                let sum = Float(inputs * 127 * 127) / 100 * (row % 2 == column % 2 ? 1 : -1)
                #expect(abs(out.values[row * outputs + column] - sum) < 0.1)
            }
        }
    }
}
