internal import Compute

/// Linear layers of translation at the shapes of the default models: a sentence's step alone, a batch's step, and the
/// encoder over a batch.
enum LinearLayers {
    private static let shapes = [(inputs: 256, outputs: 1536), (inputs: 1536, outputs: 256)]
    private static let rows = [1, 32, 512]

    static var operations: [Operation] {
        shapes.flatMap { shape in
            rows.flatMap { rows in
                [int8(shape.inputs, shape.outputs, rows: rows), float(shape.inputs, shape.outputs, rows: rows)]
            }
        }
    }

    private static func int8(_ inputs: Int, _ outputs: Int, rows: Int) -> Operation {
        let work = Work(
            bytes: inputs * outputs + rows * (inputs + outputs) * 4, multiplyAdds: rows * inputs * outputs, kind: .int8)
        return operation("linear int8, \(inputs)→\(outputs), rows \(rows)", work, inputs, outputs, rows) { backend in
            let weights = (0..<(inputs * outputs)).map { Int8(truncatingIfNeeded: $0 % 251 - 125) }
            let bias = AlignedBuffer<Float>((0..<outputs).map { Float($0 % 7) }, paddedTo: 16)
            return .int8(
                Int8Linear(
                    weights: weights, inputs: inputs, outputs: outputs, weightMultiplier: 127,
                    activations: .fixed(multiplier: 127), bias: bias, for: backend))
        }
    }

    private static func float(_ inputs: Int, _ outputs: Int, rows: Int) -> Operation {
        let work = Work(
            bytes: 4 * (inputs * outputs + rows * (inputs + outputs)), multiplyAdds: rows * inputs * outputs)
        return operation("linear float, \(inputs)→\(outputs), rows \(rows)", work, inputs, outputs, rows) { backend in
            let weights = (0..<(inputs * outputs)).map(Rotation<Float>.value)
            return .float32(
                FloatLinear(
                    weights: weights, transposed: true, inputs: inputs, outputs: outputs, bias: nil, for: backend))
        }
    }

    private static func operation(
        _ name: String, _ work: Work, _ inputs: Int, _ outputs: Int, _ rows: Int,
        layer: @escaping (ComputeBackend) -> Linear
    ) -> Operation {
        Operation(name, work) {
            let backend = Backend.ofThisMachine, workspace = Workspace()
            // As many layers as no cache holds, as in `Rotation`.
            let first = layer(backend)
            let layers = [first] + (1..<max(2, (64 << 20) / first.sizeBytes)).map { _ in layer(backend) }
            let x = Scratch.matrix(rows: rows, columns: inputs), out = Scratch.matrix(rows: rows, columns: outputs)
            return { run in
                withExtendedLifetime((x.owner, out.owner)) {
                    layers[run % layers.count].apply(x.view, into: out.view, on: backend, workspace)
                }
            }
        }
    }
}
