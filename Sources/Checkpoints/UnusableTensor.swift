/// A tensor that a checkpoint has and that cannot be a weight: integers, truth values, floats of other widths, or no
/// elements at all. Some models save their position numbers this way; no model here reads them.
package struct UnusableTensor: Sendable, Equatable, CustomStringConvertible {
    /// The tensor's name, for example `embeddings.position_ids`.
    package let name: String
    /// The dimensions, outermost first.
    package let shape: [Int]
    /// The type of the elements, by the name that Safetensors has for it, for example `I64`.
    package let type: String

    package var description: String { "\(type) of shape \(shape)" }

    /// The error for a model that needs it as a weight.
    func error(file: String) -> CheckpointError {
        .mismatchedTensor(
            file: file, name: name, expected: "F32, F16 or BF16 with at least one element", found: description)
    }
}

/// What the elements of a tensor are, in a format that has more types than can be weights.
struct ElementType: Sendable, Equatable {
    /// The name that Safetensors has for it.
    let name: String
    /// The size of an element.
    let bits: Int
    /// How a weight of it is read; nil if it cannot be one.
    let weight: TensorType?

    init(_ name: String, bits: Int, weight: TensorType? = nil) {
        self.name = name
        self.bits = bits
        self.weight = weight
    }

    /// The types that are read, and those that exist and can only be listed.
    static let all: [ElementType] = [
        ElementType("F32", bits: 32, weight: .f32), ElementType("F16", bits: 16, weight: .f16),
        ElementType("BF16", bits: 16, weight: .bf16), ElementType("F64", bits: 64), ElementType("C64", bits: 64),
        ElementType("I64", bits: 64), ElementType("I32", bits: 32), ElementType("I16", bits: 16),
        ElementType("I8", bits: 8), ElementType("U64", bits: 64), ElementType("U32", bits: 32),
        ElementType("U16", bits: 16), ElementType("U8", bits: 8), ElementType("BOOL", bits: 8),
        ElementType("F8_E4M3", bits: 8), ElementType("F8_E5M2", bits: 8), ElementType("F8_E8M0", bits: 8),
        ElementType("F8_E4M3FNUZ", bits: 8), ElementType("F8_E5M2FNUZ", bits: 8), ElementType("F6_E2M3", bits: 6),
        ElementType("F6_E3M2", bits: 6), ElementType("F4", bits: 4),
    ]

    static let byName: [String: ElementType] = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// More dimensions than any model has.
    static let maximumRank = 16

    /// The bytes of a tensor of that shape; nil if a dimension is negative, or they are not whole or too many.
    func bytes(shape: [Int]) -> Int? {
        var count = 1
        // An empty dimension makes any others harmless, whatever their order.
        if shape.contains(0) { return shape.allSatisfy { $0 >= 0 } ? 0 : nil }
        for dimension in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension > 0, !overflow else { return nil }
            count = product
        }
        let (total, overflow) = count.multipliedReportingOverflow(by: bits)
        return overflow || total % 8 != 0 ? nil : total / 8
    }
}
