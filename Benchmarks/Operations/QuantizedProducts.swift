internal import Compute

/// Products of weights that stay in GGUF's blocks, at the shapes and types of the default models' files.
enum QuantizedProducts {
    private struct Layer {
        var model: String
        var type: WeightType
        var inputs: Int
        var outputs: Int
        var rows = [1, 8, 512]
    }

    private static let layers = [
        Layer(model: "SmolLM2 gate, up", type: .q4_1, inputs: 576, outputs: 1536),
        Layer(model: "SmolLM2 down", type: .q4_1, inputs: 1536, outputs: 576),
        Layer(model: "SmolLM2 output", type: .q8_0, inputs: 576, outputs: 49_152),
        Layer(model: "Gemma gate, up", type: .q5_0, inputs: 640, outputs: 2048),
        Layer(model: "Gemma down", type: .q4_K, inputs: 2048, outputs: 640),
        Layer(model: "Gemma down", type: .q6_K, inputs: 2048, outputs: 640),
        // Nobody wants the logits of 512 tokens of 262,144 each.
        Layer(model: "Gemma output", type: .q8_0, inputs: 640, outputs: 262_144, rows: [1, 8]),
    ]

    static var operations: [Operation] { layers.flatMap { layer in layer.rows.map { operation(layer, rows: $0) } } }

    private static func operation(_ layer: Layer, rows: Int) -> Operation {
        let (type, inputs, outputs) = (layer.type, layer.inputs, layer.outputs)
        let weightBytes = type.rowBytes(inputs) * outputs
        let work = Work(
            bytes: weightBytes + rows * (inputs + outputs) * 4, multiplyAdds: rows * inputs * outputs)
        let name = "\(type)".uppercased()
        return Operation("product \(name), \(layer.model), \(inputs)→\(outputs), rows \(rows)", work) {
            // Bytes below 64 make scales of at most 2, and no infinities.
            let weights = Rotation<UInt8>(count: weightBytes) { UInt8(truncatingIfNeeded: $0 &* 167 >> 3) & 0x3f }
            let x = Scratch.matrix(rows: rows, columns: inputs), out = Scratch.matrix(rows: rows, columns: outputs)
            let backend = Backend.ofThisMachine, pool = ThreadPool(threads: 1)
            return { run in
                let linear = QuantizedLinear(
                    weights: weights.pointer(run), type: type, inputs: inputs, outputs: outputs, owner: weights.owner)
                withExtendedLifetime((x.owner, out.owner)) {
                    linear.apply(x.view, into: out.view, on: backend, pool)
                }
            }
        }
    }
}
