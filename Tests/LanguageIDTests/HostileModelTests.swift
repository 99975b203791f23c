import Checkpoints
import LanguageID
import Testing

/// Files that are not what they claim: an error that names the offset, never a crash.
@Suite struct HostileModelTests {
    /// A model, and where things lie in it.
    private struct Subject {
        var bytes: [UInt8]
        /// Of each dictionary entry.
        let entries: [Int]
        /// Of what follows the entries: the kept n-grams, or the input matrix's flag.
        let end: Int

        init(_ name: String) throws {
            bytes = try Fixtures.bytes(name)
            var entries: [Int] = []
            var offset = 92
            for _ in 0..<Self.read(bytes, 64) {
                entries.append(offset)
                while bytes[offset] != 0 { offset += 1 }
                offset += 10
            }
            self.entries = entries
            end = offset
        }

        static func read(_ bytes: [UInt8], _ offset: Int) -> Int {
            (0..<4).reversed().reduce(0) { $0 << 8 | Int(bytes[offset + $1]) }
        }

        mutating func write<T: FixedWidthInteger>(_ value: T, at offset: Int) {
            for index in 0..<(T.bitWidth / 8) {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(index * 8))
            }
        }

        /// The error that reading throws.
        func error() throws -> CheckpointError {
            try #require(throws: CheckpointError.self) { _ = try Fixtures.model(bytes) }
        }
    }

    private static func offset(_ error: CheckpointError) -> Int? {
        switch error {
        case .truncated(_, let offset, _, _, _), .invalid(_, let offset, _), .unsupported(_, let offset, _): offset
        default: nil
        }
    }

    @Test(
        arguments: [
            (0, 793_712_315), (4, 10), (4, 13), (4, -1), (8, 0), (8, -5), (8, 6), (8, Int32.max), (28, -1), (28, 65),
            (28, Int32.max), (32, 0), (32, 5), (36, 1), (36, 2), (40, -1), (44, -1), (48, -1), (48, 65),
            (48, Int32.max),
            (64, -1), (64, 0), (64, 16), (64, 18), (64, Int32.max), (68, -1), (68, 18), (72, -1), (72, 0), (72, 18),
        ] as [(Int, Int32)])
    func refusesAHeader(offset: Int, value: Int32) throws {
        var subject = try Subject("softmax")
        subject.write(value, at: offset)
        let error = try subject.error()
        let named = try #require(Self.offset(error))
        // A dimension, or a count that is possible for the size of the file, fails where it leads.
        let isFoundLater = [(8, 6), (8, Int32.max), (64, 16), (64, 18)].contains { $0 == (offset, value) }
        #expect(isFoundLater ? named >= offset : named == offset, "\(error)")
    }

    @Test func refusesNGramsWithoutBuckets() throws {
        var subject = try Subject("softmax")
        subject.write(Int32(0), at: 40)
        #expect(Self.offset(try subject.error()) == 40)
    }

    @Test(arguments: [-2, Int64.min, 1 << 40, Int64.max] as [Int64])
    func refusesACountOfKeptNGrams(value: Int64) throws {
        var subject = try Subject("pruned")
        subject.write(value, at: 84)
        #expect(Self.offset(try subject.error()) == 84)
    }

    @Test(arguments: [(-1, 0), (97, 0), (Int32.max, 0), (0, -1), (0, 40), (0, Int32.max)] as [(Int32, Int32)])
    func refusesAKeptNGram(bucket: Int32, row: Int32) throws {
        var subject = try Subject("pruned")
        subject.write(bucket, at: subject.end + 8)
        subject.write(row, at: subject.end + 12)
        #expect(Self.offset(try subject.error()) == subject.end + 8)
    }

    @Test func refusesABucketKeptTwice() throws {
        var subject = try Subject("pruned")
        subject.write(Int32(Subject.read(subject.bytes, subject.end)), at: subject.end + 16)
        #expect(Self.offset(try subject.error()) == subject.end + 16)
    }

    @Test func refusesAPrunedDenseModel() throws {
        var subject = try Subject("softmax")
        subject.write(Int64(0), at: 84)
        #expect(Self.offset(try subject.error()) == subject.end)
    }

    @Test(arguments: [Int64(-1), .min, .max, 1_000_000_000_000_000])
    func refusesALabelCount(value: Int64) throws {
        var subject = try Subject("hs")
        let offset = subject.end - 9
        subject.write(value, at: offset)
        #expect(Self.offset(try subject.error()) == offset)
    }

    @Test func refusesTypesOutOfOrder() throws {
        var subject = try Subject("hs")
        subject.bytes[subject.entries[3] - 1] = 1
        #expect(Self.offset(try subject.error()) == subject.entries[3] - 1)
        subject.bytes[subject.entries[3] - 1] = 7
        #expect(Self.offset(try subject.error()) == subject.entries[3] - 1)
    }

    @Test(arguments: [Int64(-1), 0, 16, 106, 1 << 31, 1 << 62, .max, .min])
    func refusesRowsOfADenseMatrix(value: Int64) throws {
        var subject = try Subject("softmax")
        subject.write(value, at: subject.end + 1)
        let named = try #require(Self.offset(try subject.error()))
        #expect(named >= subject.end)
    }

    @Test(arguments: [Int64(-1), 0, 4, 6, 1 << 31, 1 << 62, .max, .min])
    func refusesColumns(value: Int64) throws {
        for (name, skip) in [("softmax", 9), ("quantized-norms", 10)] {
            var subject = try Subject(name)
            subject.write(value, at: subject.end + skip)
            #expect(Self.offset(try subject.error()) == subject.end + skip)
        }
    }

    /// After the flags and the shape (18 bytes) come the number of codes, the codes (107 rows of 3), and the
    /// quantizer's dimension, runs, run length and last run length.
    @Test(
        arguments: [
            (18, 320), (18, 322), (18, -1), (18, Int32.max), (343, 4), (343, -1), (347, 2), (347, 0), (347, -3),
            (347, Int32.max), (351, 3), (351, 0), (351, -2), (351, Int32.max), (355, 2), (355, 0), (355, -1),
            (355, Int32.max),
        ] as [(Int, Int32)])
    func refusesAQuantizer(offset: Int, value: Int32) throws {
        var subject = try Subject("quantized")
        #expect(Subject.read(subject.bytes, subject.end + 18) == 321)
        #expect(Subject.read(subject.bytes, subject.end + 343) == 5)
        subject.write(value, at: subject.end + offset)
        let named = try #require(Self.offset(try subject.error()))
        #expect(named > subject.end)
    }

    @Test(arguments: ["softmax", "hs", "quantized-norms", "quantized-output-norms"])
    func refusesFlagsThatAreNone(name: String) throws {
        var subject = try Subject(name)
        subject.bytes[subject.end] = 2
        #expect(Self.offset(try subject.error()) == subject.end)
        if name.hasPrefix("quantized") {
            subject.bytes[subject.end] = 1
            subject.bytes[subject.end + 1] = 255
            #expect(Self.offset(try subject.error()) == subject.end + 1)
        }
    }

    @Test(arguments: [Float.nan, -Float.nan, .infinity, -.infinity, .signalingNaN])
    func refusesNumbersThatAreNotFinite(value: Float) throws {
        var subject = try Subject("softmax")
        for offset in [subject.end + 17, subject.end + 17 + 52 * 4, subject.bytes.count - 4] {
            let kept = subject.bytes
            subject.write(value.bitPattern, at: offset)
            #expect(Self.offset(try subject.error()) == offset)
            subject.bytes = kept
        }
        var quantized = try Subject("quantized-norms")
        // The last centroid of the input matrix's norms.
        let output = 1 + 16 + 7 * 5 * 4
        let offset = quantized.bytes.count - output - 4
        quantized.write(value.bitPattern, at: offset)
        #expect(Self.offset(try quantized.error()) == offset)
    }

    @Test func survivesNumbersWhoseSumsAreNotFinite() throws {
        for name in ["softmax", "ova", "hs", "quantized-norms"] {
            var subject = try Subject(name)
            let floats = name == "quantized-norms" ? (subject.bytes.count - 140) : (subject.end + 17)
            for offset in stride(from: floats, to: subject.bytes.count - 200, by: 4) {
                subject.write(Float.greatestFiniteMagnitude.bitPattern, at: offset)
            }
            for offset in stride(from: subject.bytes.count - 140, to: subject.bytes.count, by: 4) {
                subject.write((offset % 8 == 0 ? 3e38 : -3e38 as Float).bitPattern, at: offset)
            }
            let model = try Fixtures.model(subject.bytes)
            for label in model.predict("the river été x", k: 7) { #expect(label.probability.isFinite) }
        }
    }

    @Test func refusesBytesAfterTheEnd() throws {
        for name in ["softmax", "quantized-output-norms"] {
            var subject = try Subject(name)
            let end = subject.bytes.count
            subject.bytes.append(0)
            #expect(Self.offset(try subject.error()) == end)
        }
    }

    @Test(arguments: ["softmax", "hs", "pruned", "quantized-output-norms"])
    func refusesEveryTruncation(name: String) throws {
        let bytes = try Fixtures.bytes(name)
        for count in 0..<bytes.count {
            #expect(throws: CheckpointError.self, "cut at \(count)") {
                _ = try Fixtures.model(Array(bytes[..<count]))
            }
        }
    }

    @Test(arguments: ["softmax-both-ngrams", "hs", "ova", "pruned", "quantized-output-norms", "version-11"])
    func survivesEveryFlippedBit(name: String) throws {
        let bytes = try Fixtures.bytes(name)
        var refused = 0
        var read = 0
        for offset in bytes.indices {
            // The signs and fractions of weights are all alike: of the matrices, a sample.
            for bit in 0..<8 where offset < 900 || (offset * 8 + bit) % 13 == 0 {
                var changed = bytes
                changed[offset] ^= 1 << UInt8(bit)
                do {
                    let model = try Fixtures.model(changed)
                    read += 1
                    for line in ["the river", "été 水 </s>"] {
                        for label in model.predict(line, k: 3) { #expect(label.probability.isFinite) }
                    }
                } catch is CheckpointError {
                    refused += 1
                }
            }
        }
        #expect(refused > 100)
        #expect(read > 100)
    }

    @Test func refusesADictionaryMadeOfCollisions() throws {
        // Words of one 32-bit hash would make every look-up walk over all of them. Eleven times two pieces that lead
        // from one state of the hash to another give 2,048 such words.
        var pieces: [([UInt8], [UInt8])] = []
        var state: UInt32 = 2_166_136_261
        for _ in 0..<11 {
            let (pair, next) = try #require(Self.collision(from: state))
            pieces.append(pair)
            state = next
        }
        var entries: [UInt8] = []
        for number in 0..<2048 {
            for (bit, piece) in pieces.enumerated() { entries += number >> bit & 1 == 0 ? piece.0 : piece.1 }
            entries += [UInt8](repeating: 0, count: 10)
        }
        var subject = try Subject("softmax")
        subject.bytes.insert(contentsOf: entries, at: 92)
        subject.write(Int32(17 + 2048), at: 64)
        subject.write(Int32(10 + 2048), at: 68)
        let error = try subject.error()
        #expect(error.description.contains("hash"), "\(error)")
    }

    @Test func goesDownATreeAsDeepAsItHasLabels() throws {
        // Labels that were never seen make a tree that is a chain.
        let labels = 50_000
        var bytes: [UInt8] = []
        func append<T: FixedWidthInteger>(_ values: T...) {
            for value in values { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
        }
        append(793_712_314, 12, 1, 5, 5, 1, 5, 1, 1, 3, 0, 0, 0, 100 as Int32)
        append(0 as Int64)
        append(Int32(labels + 1), 1, Int32(labels))
        append(1000, -1 as Int64)
        bytes += "</s>".utf8 + [UInt8](repeating: 0, count: 10)
        for label in 0..<labels { bytes += "__label__\(label)".utf8 + [UInt8](repeating: 0, count: 9) + [1] }
        bytes.append(0)
        append(1, 1 as Int64)
        append(Float(1).bitPattern)
        bytes.append(0)
        append(Int64(labels), 1)
        for _ in 0..<labels { append(Float(-20).bitPattern) }
        let found = try Fixtures.model(bytes).predict("", k: 3)
        #expect(found.count == 3)
        #expect(found.allSatisfy { $0.probability.isFinite })
    }

    /// Two runs of bytes that take the hash from `state` to the same state.
    private static func collision(from state: UInt32) -> (([UInt8], [UInt8]), UInt32)? {
        var seen: [UInt32: [UInt8]] = [:]
        for number in 0..<2_000_000 {
            let word = [UInt8](String(number, radix: 36).utf8)
            let hash = word.reduce(state) { ($0 ^ UInt32($1)) &* 16_777_619 }
            if let other = seen.updateValue(word, forKey: hash) { return ((other, word), hash) }
        }
        return nil
    }
}
