package import Architectures
internal import Checkpoints
internal import Foundation
internal import ModelHub

/// What a checkpoint in the layout of Hugging Face is, told from its `config.json` and the headers of its weights: nothing is
/// loaded yet.
package struct HuggingFaceModel: Sendable {
    /// What runs it.
    package enum Family: Sendable, Equatable {
        case translation(SequenceToSequenceFamily)
        case generation(CausalModelFamily)
        case embedding(TextEncoderConfiguration.Family)

        /// What the model is for.
        package var task: ModelDescriptor.Task {
            switch self {
            case .translation: .translation
            case .generation: .generation
            case .embedding: .embedding
            }
        }
    }

    /// The files.
    let directory: HuggingFaceDirectory
    /// `config.json`
    let configuration: ModelConfiguration
    /// What runs it.
    package let family: Family

    /// Looks at a checkpoint.
    ///
    /// - Throws: `CheckpointError` if the configuration cannot be read, or names a family that is not computed here.
    init(_ directory: HuggingFaceDirectory) throws {
        self.directory = directory
        configuration = try directory.configuration()
        family = try Self.family(configuration)
    }

    private static func family(_ configuration: ModelConfiguration) throws -> Family {
        let name = try configuration.string("model_type")
        if let family = SequenceToSequenceFamily(rawValue: name) { return .translation(family) }
        if let family = CausalModelFamily(modelType: name) { return .generation(family) }
        if let family = TextEncoderConfiguration.Family(rawValue: name) { return .embedding(family) }
        throw configuration.mismatch("model_type", expected: "one of \(knownTypes.joined(separator: ", "))")
    }

    /// The values of `model_type` that are computed here.
    static var knownTypes: [String] {
        SequenceToSequenceFamily.allCases.map(\.rawValue) + CausalModelFamily.modelTypes
            + TextEncoderConfiguration.Family.allCases.map(\.rawValue)
    }

    /// The architecture's name in reports.
    package var familyName: String {
        switch family {
        case .translation(let family): family.rawValue
        case .generation(let family): family.rawValue
        case .embedding(let family): family.rawValue
        }
    }

    /// The weights' headers.
    ///
    /// - Throws: `CheckpointError`.
    func checkpoint() throws -> Checkpoint { try Checkpoint(path: directory.weights()) }

    /// `safetensors` or `pytorch`.
    var format: String {
        get throws { try directory.weights().contains(".safetensors") ? "safetensors" : "pytorch" }
    }

    /// The memory that the weights will take; nil for a model in another layout.
    ///
    /// - Throws: `CheckpointError` for weights whose headers cannot be read.
    static func weightBytes(
        _ descriptor: ModelDescriptor, files: [String: String], _ quantization: PackedWeights.Quantization?
    ) throws -> Int? {
        guard HuggingFaceDirectory.isOne(files.keys) else { return nil }
        let directory = HuggingFaceDirectory(name: descriptor.name, files: files)
        return MemoryEstimate(try Checkpoint(path: directory.weights())).bytes(quantization)
    }
}
