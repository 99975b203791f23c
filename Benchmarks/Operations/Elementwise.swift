internal import Benchmark
internal import Compute

/// Norms, gates and softmaxes: a few operations for each value that is read, so memory bounds them.
enum Elementwise {
    static var operations: [Operation] {
        [rmsNorm(rows: 512, columns: 576), rmsNorm(rows: 512, columns: 640)]
            + GateActivation.allCases.map { gate($0, rows: 512, columns: 1536) }
            + [("SmolLM2", 49_152), ("Gemma", 262_144)].flatMap { [softmax($0, $1), logSoftmax($0, $1)] }
    }

    private static func rmsNorm(rows: Int, columns: Int) -> Operation {
        Operation("RMS norm, \(rows)×\(columns)", Work(bytes: rows * columns * 4 * 2)) {
            let backend = Backend.ofThisMachine
            let norm = RMSNorm(scale: [Float](repeating: 1, count: columns), epsilon: 1e-5)
            let x = Rotation<Float>(rows: rows, columns: columns)
            let out = Rotation<Float>(rows: rows, columns: columns)
            return { run in
                norm.apply(
                    x.matrix(run, rows: rows, columns: columns), into: out.matrix(run, rows: rows, columns: columns),
                    on: backend)
            }
        }
    }

    private static func gate(_ activation: GateActivation, rows: Int, columns: Int) -> Operation {
        // The gate is read and written, the other only read.
        Operation("gate \(activation.rawValue), \(rows)×\(columns)", Work(bytes: rows * columns * 4 * 3)) {
            let backend = Backend.ofThisMachine
            // Each run takes what the one before has left: with these they become less slowly enough never to be
            // denormal, which would be slow.
            let gate = Rotation<Float>(count: rows * columns) { _ in 0.5 }
            let up = Rotation<Float>(count: rows * columns) { _ in 1.5 }
            return { run in
                backend.applyGate(
                    gate.matrix(run, rows: rows, columns: columns), activation,
                    to: up.matrix(run, rows: rows, columns: columns))
            }
        }
    }

    private static func softmax(_ model: String, _ count: Int) -> Operation {
        Operation("softmax, \(model)'s \(count) tokens", Work(bytes: count * 4 * 2)) {
            let backend = Backend.ofThisMachine
            let logits = Rotation<Float>(rows: 1, columns: count)
            return { run in withExtendedLifetime(logits.owner) { backend.softmax(logits.pointer(run), count: count) } }
        }
    }

    /// What the logarithms of probabilities need: the logarithm of the sum, from which each is one subtraction.
    private static func logSoftmax(_ model: String, _ count: Int) -> Operation {
        Operation("log-softmax, \(model)'s \(count) tokens", Work(bytes: count * 4)) {
            let backend = Backend.ofThisMachine
            let logits = Rotation<Float>(rows: 1, columns: count)
            return { run in
                withExtendedLifetime(logits.owner) {
                    blackHole(backend.logSumExp(logits.pointer(run), count: count))
                }
            }
        }
    }
}
