/// The normalization forms of Unicode.
enum UnicodeForm: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    private var composes: Bool { self == .nfc || self == .nfkc }
    private var isCompatible: Bool { self == .nfkc || self == .nfkd }

    /// Puts a text into this form.
    func apply(to text: inout NormalizedText) {
        // Most text is ASCII, which no form changes.
        guard text.bytes.contains(where: { $0 >= 0x80 }) else { return }
        var run = Run(form: self, output: text.emptied())
        text.bytes.withUnsafeBytes { bytes in
            var index = 0
            while index < bytes.count {
                if bytes[index] < 0x80, index + 1 == bytes.count || bytes[index + 1] < 0x80 {
                    run.flush()
                    run.appendASCII(bytes[index], isOrigin: index < text.originLength)
                    index += 1
                    continue
                }
                let (scalar, length) = UTF8Decoding.scalar(bytes, index)
                run.add(scalar, isOrigin: index < text.originLength)
                index += length
            }
        }
        run.flush()
        text = run.output
    }

    /// Characters from one that begins a combination up to the next such one, in parts.
    private struct Run {
        let form: UnicodeForm
        let tables = UnicodeDecompositions.shared
        var output: NormalizedText
        /// The parts and their combining classes; `isOrigin` of the first.
        var scalars: [(scalar: UInt32, combiningClass: UInt8)] = []
        var isOrigin = false
        var isOrdered = true

        init(form: UnicodeForm, output: NormalizedText) { (self.form, self.output) = (form, output) }

        mutating func appendASCII(_ byte: UInt8, isOrigin: Bool) { output.append(byte, isOrigin: isOrigin) }

        /// Adds a character of the text.
        mutating func add(_ scalar: UInt32, isOrigin: Bool) {
            if (0xAC00...0xD7A3).contains(scalar) {
                let syllable = scalar - 0xAC00
                addPart(0x1100 + syllable / 588, UnicodeDecompositions.Entry(), isOrigin)
                addPart(0x1161 + syllable % 588 / 28, tables.entry(0x1161), isOrigin)
                if syllable % 28 > 0 { addPart(0x11A7 + syllable % 28, tables.entry(0x11A8), isOrigin) }
                return
            }
            let entry = tables.entry(scalar)
            let range = form.isCompatible ? entry.compatible : entry.canonical
            guard !range.isEmpty else { return addPart(scalar, entry, isOrigin) }
            for part in tables.parts(range) { addPart(part, tables.entry(part), isOrigin) }
        }

        private mutating func addPart(_ scalar: UInt32, _ entry: UnicodeDecompositions.Entry, _ isOrigin: Bool) {
            // What neither combines nor can join the character before begins a run of its own.
            if entry.combiningClass == 0, !(form.composes && entry.composesBackwards) { flush() }
            if scalars.isEmpty { self.isOrigin = isOrigin }
            if let last = scalars.last, last.combiningClass > entry.combiningClass, entry.combiningClass > 0 {
                isOrdered = false
            }
            scalars.append((scalar, entry.combiningClass))
        }

        /// Writes what has been collected, in order and put together.
        mutating func flush() {
            guard !scalars.isEmpty else { return }
            if !isOrdered { order() }
            if form.composes, scalars.count > 1 { compose() }
            for entry in scalars { output.append(scalar: entry.scalar, isOrigin: isOrigin) }
            scalars.removeAll(keepingCapacity: true)
            isOrdered = true
        }

        /// Sorts marks by their combining class, each stretch between characters of class 0 by itself; those of the same
        /// class stay in their order.
        private mutating func order() {
            var start = 0
            while start < scalars.count {
                guard scalars[start].combiningClass > 0 else {
                    start += 1
                    continue
                }
                var end = start
                while end < scalars.count, scalars[end].combiningClass > 0 { end += 1 }
                let sorted = scalars[start..<end].enumerated().sorted {
                    ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
                }
                scalars.replaceSubrange(start..<end, with: sorted.map(\.element))
                start = end
            }
        }

        /// Joins each character with the last one of class 0, where nothing between them keeps them apart.
        private mutating func compose() {
            var starter = -1
            var write = 0
            var lastClass: Int = -1
            for (scalar, combiningClass) in scalars {
                if starter >= 0, lastClass < Int(combiningClass) || lastClass == -1,
                    let whole = tables.composition(scalars[starter].scalar, scalar)
                {
                    scalars[starter].scalar = whole
                    continue
                }
                scalars[write] = (scalar, combiningClass)
                if combiningClass == 0 {
                    starter = write
                    lastClass = -1
                } else {
                    lastClass = Int(combiningClass)
                }
                write += 1
            }
            scalars.removeLast(scalars.count - write)
        }
    }
}
