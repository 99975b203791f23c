import Checkpoints

/// The training arguments on which prediction depends, from the head of a model file.
struct FastTextArguments: Sendable {
    /// How the output layer turns the hidden vector into label probabilities. Raw values as in the file.
    enum Loss: Int32, Sendable {
        case hierarchicalSoftmax = 1
        case negativeSampling = 2
        case softmax = 3
        case oneVersusAll = 4
    }

    /// The longest character or word n-gram that is accepted. Real models use 2 to 6; the bound keeps the
    /// work linear in the text whatever a file claims.
    static let longestGram = 64

    /// The length of every row of both matrices.
    let dimension: Int
    /// Runs of up to this many tokens are features; 0 and 1 mean single tokens only.
    let wordGrams: Int
    let loss: Loss
    /// How many buckets hashed features share. Not zero where `hashesFeatures` is true.
    let buckets: UInt32
    /// The shortest character n-gram, in characters.
    let shortestSubword: Int
    /// The longest character n-gram, in characters; 0 if the model has none.
    let longestSubword: Int

    /// Whether any feature is found by a hash into the buckets.
    var hashesFeatures: Bool {
        wordGrams > 1 || (longestSubword > 0 && longestSubword >= shortestSubword)
    }

    /// Reads the magic number, the version and the arguments.
    init(_ reader: inout ByteReader) throws {
        let magic = try reader.integer(UInt32.self, "the magic number")
        guard magic == 793_712_314 else {
            throw reader.invalid("the magic number is \(magic), not fastText's 793712314", at: 0)
        }
        let version = try reader.integer(Int32.self, "the format version")
        guard version == 11 || version == 12 else {
            throw CheckpointError.unsupported(
                file: reader.region.source, offset: 4, reason: "format version \(version), readable are 11 and 12")
        }
        let grams = 0...Self.longestGram
        dimension = try reader.count(Int32.self, "the dimension", in: 1...Int(Int32.max))
        for unused in ["the window size", "the epochs", "the minimum count", "the negatives"] {
            _ = try reader.integer(Int32.self, unused)
        }
        wordGrams = try reader.count(Int32.self, "the length of word n-grams", in: grams)

        var start = reader.offset
        let lossCode = try reader.integer(Int32.self, "the loss")
        guard let loss = Loss(rawValue: lossCode) else {
            throw reader.invalid("the loss is \(lossCode), known are 1 to 4", at: start)
        }
        self.loss = loss

        start = reader.offset
        let kind = try reader.integer(Int32.self, "the kind of model")
        guard kind == 3 else {
            throw CheckpointError.unsupported(
                file: reader.region.source, offset: start,
                reason: "the kind of model is \(kind); only a supervised model (3) has labels to predict")
        }

        start = reader.offset
        buckets = UInt32(try reader.count(Int32.self, "the number of buckets", in: 0...Int(Int32.max)))
        shortestSubword = try reader.count(Int32.self, "the shortest character n-gram", in: 0...Int(Int32.max))
        let longest = try reader.count(Int32.self, "the longest character n-gram", in: grams)
        // Supervised models of version 11 were trained before character n-grams existed for them.
        longestSubword = version == 11 ? 0 : longest
        _ = try reader.integer(Int32.self, "the learning rate's update rate")
        _ = try reader.float64("the sampling threshold")

        guard !hashesFeatures || buckets > 0 else {
            throw reader.invalid("the model has n-grams but no buckets to find them in", at: start)
        }
    }
}
