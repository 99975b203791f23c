import Architectures
import Compute
import Generation

/// A model without weights: its logits are a function of the source and of the tokens so far, which it finds again from
/// the rows' parents alone.
final class ScriptedModel: SequenceToSequenceModel {
    typealias Script = @Sendable (_ source: [Int32], _ tokens: [Int32]) -> [Float]

    let sourceVocabularySize: Int
    let targetVocabularySize: Int
    let endOfSequence: Int32
    let unknown: Int32 = 1
    let startToken: Int32?
    let bannedTokens: [Int32]
    let maximumTargetLength: Int
    let searchPool: ThreadPool?
    let sizeBytes = 0
    let backend: ComputeBackend
    private let script: Script

    /// A model whose logits over the whole vocabulary are what `script` says.
    init(
        vocabularySize: Int, endOfSequence: Int32 = 3, startToken: Int32? = nil, bannedTokens: [Int32] = [],
        maximumTargetLength: Int = .max, pool: ThreadPool? = nil, backend: ComputeBackend = ComputeBackend(),
        script: @escaping Script
    ) {
        sourceVocabularySize = vocabularySize
        targetVocabularySize = vocabularySize
        self.endOfSequence = endOfSequence
        self.startToken = startToken
        self.bannedTokens = bannedTokens
        self.maximumTargetLength = maximumTargetLength
        searchPool = pool
        self.backend = backend
        self.script = script
    }

    func startDecoding(
        sources: [[Int32]], candidates: [[Int32]?], maximumRows: Int, workspace: Workspace
    ) -> any Decoding {
        ScriptedDecoding(script, sources: sources, candidates: candidates, maximumRows: maximumRows)
    }

    func run(_ requests: [SearchRequest]) -> [[Hypothesis]] {
        BatchSearch.run(requests, model: self, workspace: Workspace())
    }

    func run(_ options: SearchOptions, candidates: [Int32]? = nil) -> [Hypothesis] {
        run([SearchRequest(source: [0], candidates: candidates, options: options)])[0]
    }
}

private final class ScriptedDecoding: Decoding {
    private let script: ScriptedModel.Script
    private let sources: [[Int32]]
    private let candidates: [[Int32]?]
    private let maximumRows: Int
    private var previous: [[Int32]] = []

    init(_ script: @escaping ScriptedModel.Script, sources: [[Int32]], candidates: [[Int32]?], maximumRows: Int) {
        self.script = script
        self.sources = sources
        self.candidates = candidates
        self.maximumRows = maximumRows
    }

    func sourceShares(_ rows: [DecoderRow], _ workspace: Workspace) -> [[Float]] {
        preconditionFailure("no test aligns the translations of this model")
    }

    func step(_ rows: [DecoderRow], _ workspace: Workspace) -> [UnsafeMutableBufferPointer<Float>] {
        precondition(rows.count <= maximumRows, "more rows than announced")
        let tokens = rows.map { $0.position == 0 ? [] : previous[$0.parent] + [$0.token] }
        previous = tokens
        return zip(rows, tokens).map { row, tokens in
            precondition(tokens.count == row.position, "a row with another row's parent")
            let all = script(sources[row.sentence], tokens)
            let logits = candidates[row.sentence].map { $0.map { all[Int($0)] } } ?? all
            let buffer = UnsafeMutableBufferPointer(
                start: workspace.take(Float.self, count: max(1, logits.count)), count: logits.count)
            _ = buffer.initialize(from: logits)
            return buffer
        }
    }
}

/// The logits of models/search/reference.py, bit by bit.
enum HashedLogits {
    static func row(seed: UInt64, tokens: [Int32], vocabularySize: Int, ends: [Int32]) -> [Float] {
        let last = mixed(seed << 20 ^ UInt64((tokens.last ?? -1) + 1))
        let all = tokens.reduce(mixed(seed)) { mixed($0 ^ UInt64($1)) }
        return (0..<vocabularySize).map { token in
            var steps = (mixed(UInt64(token) ^ last) >> 44) * 6 + mixed(UInt64(token) ^ all) >> 44
            if ends.contains(Int32(token)) { steps += UInt64(tokens.count) << 18 }
            return Float(Double(steps) / 1_048_576)
        }
    }

    /// The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
    private static func mixed(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
