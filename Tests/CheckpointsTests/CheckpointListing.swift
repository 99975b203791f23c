import Checkpoints
import Testing

/// A tensor as the format's own package has read it.
struct ReferenceTensor: Decodable {
    var name: String
    var type: String
    var shape: [Int]
    var values: [Double]

    /// Types whose tensors can be weights.
    static let weightTypes: Set<String> = ["F32", "F16", "BF16"]
    var isWeight: Bool { Self.weightTypes.contains(type) && !values.isEmpty }

    /// Checks that exactly the tensors of `listing` were read, and their values.
    static func compare(
        _ listing: [ReferenceTensor], tensors: [String: CheckpointTensor], unusable: [String: UnusableTensor]
    ) throws {
        #expect(Set(tensors.keys) == Set(listing.filter(\.isWeight).map(\.name)))
        #expect(Set(unusable.keys) == Set(listing.filter { !$0.isWeight }.map(\.name)))
        for entry in listing {
            guard entry.isWeight else {
                let tensor = try #require(unusable[entry.name])
                #expect(tensor.name == entry.name && tensor.shape == entry.shape && tensor.type == entry.type)
                continue
            }
            let tensor = try #require(tensors[entry.name])
            #expect(tensor.name == entry.name)
            #expect(tensor.shape == entry.shape, "\(entry.name)")
            #expect(tensor.type.description == entry.type, "\(entry.name)")
            #expect(tensor.floats().map { Double($0) } == entry.values, "\(entry.name)")
        }
    }
}

/// A file that lies, and what the error says of it.
struct HostileFile: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    var says: String
    var testDescription: String { name }

    init(_ name: String, _ bytes: [UInt8], _ says: String) {
        (self.name, self.bytes, self.says) = (name, bytes, says)
    }
}
