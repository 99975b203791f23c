/// How a checkpoint is split over files `NAME-00001-of-00003.gguf`. Every part is a GGUF file of its own, with the keys
/// `split.no` (from 0), `split.count` and `split.tensors.count`, the number of tensors of all parts; the first part has
/// the model's metadata.
enum GGUFSplit {
    /// The place of a part among the others, by its metadata.
    private struct Place: Equatable {
        var number: Int
        var count: Int
        var tensorCount: Int?
    }

    /// All parts of the checkpoint that `named` is a part of, in their order; only itself if it is not split.
    ///
    /// - Throws: `CheckpointError` naming the part that is missing, or is not what its name says.
    static func parts(of named: GGUFFile, open: (String) throws -> GGUFFile) throws -> [GGUFFile] {
        guard let place = try place(of: named), place.count > 1 else { return [named] }
        guard let name = PartName(path: named.file) else {
            throw invalid(
                named,
                "this is part \(place.number + 1) of \(place.count), but its name does not end in "
                    + PartName.suffix(place.number + 1, of: place.count) + ", so the other parts cannot be found")
        }
        guard (name.number, name.count) == (place.number + 1, place.count) else {
            throw invalid(
                named,
                "its name says part \(name.number) of \(name.count), its metadata part \(place.number + 1) of "
                    + "\(place.count)")
        }
        var parts: [GGUFFile] = []
        for number in 1...place.count {
            parts.append(number == name.number ? named : try part(number, of: place.count, beside: name, open))
        }
        try check(parts, against: place)
        return parts
    }

    private static func part(
        _ number: Int, of count: Int, beside name: PartName, _ open: (String) throws -> GGUFFile
    ) throws -> GGUFFile {
        do {
            return try open(name.prefix + PartName.suffix(number, of: count))
        } catch CheckpointError.io(let path, let operation, let reason) {
            throw CheckpointError.io(path: path, operation: "\(operation) part \(number) of \(count)", reason: reason)
        }
    }

    private static func check(_ parts: [GGUFFile], against expected: Place) throws {
        for (number, part) in parts.enumerated() {
            guard let found = try place(of: part) else {
                throw invalid(part, "its name says part \(number + 1) of \(parts.count), its metadata no part at all")
            }
            guard found.number == number, found.count == parts.count else {
                throw invalid(
                    part,
                    "its name says part \(number + 1) of \(parts.count), its metadata part \(found.number + 1) "
                        + "of \(found.count)")
            }
            guard found.tensorCount == expected.tensorCount, part.version == parts[0].version else {
                throw invalid(part, "it is a part of another checkpoint than \(parts[0].file)")
            }
            // What a later part repeats of the first one's metadata must be the same.
            for (key, entry) in part.metadata where !ownKeys.contains(key) {
                if let first = parts[0].metadata[key], !first.encoded.buffer.elementsEqual(entry.encoded.buffer) {
                    throw invalid(
                        part,
                        "its metadata \(quoted(key)) is not that of \(parts[0].file): it is a part of another "
                            + "checkpoint")
                }
            }
        }
        let found = parts.reduce(0) { $0 + $1.tensors.count }
        if let wanted = expected.tensorCount, found != wanted {
            throw invalid(
                parts[0], "the \(parts.count) parts have \(found) tensors, split.tensors.count says \(wanted)")
        }
    }

    /// The keys that may differ between parts.
    private static let ownKeys: Set<String> = ["split.no", "general.alignment"]

    private static func place(of file: GGUFFile) throws -> Place? {
        func number(_ key: String, _ range: ClosedRange<Int>) throws -> Int? {
            guard let value = file.metadata[key]?.value else { return nil }
            guard let number = value.integer, range.contains(number) else {
                let found = value.integer.map { "\($0)" } ?? value.typeDescription
                throw invalid(
                    file, "\(key) is \(found), expected a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        guard let count = try number("split.count", 1...PartName.maximumCount) else { return nil }
        guard let index = try number("split.no", 0...(count - 1)) else {
            throw invalid(file, "split.count is \(count), and split.no is missing")
        }
        return Place(number: index, count: count, tensorCount: try number("split.tensors.count", 0...Int(Int32.max)))
    }

    private static func invalid(_ file: GGUFFile, _ reason: String) -> CheckpointError {
        .invalid(file: file.file, offset: 0, reason: reason)
    }
}

/// The name of a part: anything, `-`, five digits from 00001 on, `-of-`, five digits, `.gguf`.
private struct PartName {
    /// The path up to the part's number.
    var prefix: String
    var number: Int
    var count: Int

    /// What five digits can say.
    static let maximumCount = 99_999

    init?(path: String) {
        let bytes = Array(path.utf8)
        let length = Self.suffix(1, of: 1).utf8.count
        guard bytes.count >= length else { return nil }
        let end = bytes.count - length
        func digits(_ start: Int) -> Int? {
            let digits = bytes[(end + start)..<(end + start + 5)]
            guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        guard let number = digits(1), let count = digits(10),
            bytes[end...].elementsEqual(Self.suffix(number, of: count).utf8)
        else { return nil }
        self.prefix = String(decoding: bytes[..<end], as: UTF8.self)
        self.number = number
        self.count = count
    }

    static func suffix(_ number: Int, of count: Int) -> String {
        "-\(fiveDigits(number))-of-\(fiveDigits(count)).gguf"
    }

    private static func fiveDigits(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
