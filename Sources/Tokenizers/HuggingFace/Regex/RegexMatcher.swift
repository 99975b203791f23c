/// Finds the matches of a regular expression in a text, the leftmost first and of these the one that the order of the
/// expression prefers, as a backtracking matcher does.
///
/// What is left to try is kept on a list and not in recursion, so that no text is too long. The steps are counted:
/// an expression that would look at the same text again and again is given up for the rest of the text, in
/// proportion to whose length it may take steps.
struct RegexMatcher {
    private let program: RegexProgram
    private let traits: ScalarTraits.Reader
    private let instructions: UnsafeBufferPointer<RegexProgram.Instruction>
    private let sets: UnsafeBufferPointer<RegexProgram.FlatSet>
    private let ranges: UnsafeBufferPointer<ClosedRange<UInt32>>
    private let text: UnsafeRawBufferPointer
    /// The part of the text that the expression sees.
    private let start: Int
    private let end: Int
    private var steps: Int
    private var choices: [Choice] = []

    /// Something else to try: an instruction and a place in the text.
    private struct Choice {
        enum Kind: UInt8 { case other, greedy, lazy }

        var instruction: Int
        var position: Int
        var kind: Kind
        /// For a greedy span, the place before which it cannot end; for a lazy one, how many characters it may still
        /// take.
        var rest: Int

        init(_ instruction: Int, _ position: Int, _ kind: Kind = .other, rest: Int = 0) {
            (self.instruction, self.position, self.kind, self.rest) = (instruction, position, kind, rest)
        }
    }

    /// Steps for each byte, and for each text. What published expressions need is below ten for each byte.
    private static let stepsPerByte = 96
    private static let stepsPerText = 20_000
    private static let maximumChoices = 1 << 21

    /// A match, or a stretch between matches.
    struct Part {
        var range: Range<Int>
        var isMatch: Bool
    }

    /// The parts of `text[range]`, which must be well-formed UTF-8, from its start to its end: every match, and what
    /// stands between them. A match can be empty.
    static func parts(_ program: RegexProgram, _ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> [Part] {
        guard !range.isEmpty else { return [] }
        return ScalarTraits.shared.withReader { traits in
            program.instructions.withUnsafeBufferPointer { instructions in
                program.sets.withUnsafeBufferPointer { sets in
                    program.ranges.withUnsafeBufferPointer { ranges in
                        program.firstBytes.withUnsafeBufferPointer { firstBytes in
                            var matcher = RegexMatcher(
                                program: program, traits: traits, instructions: instructions, sets: sets,
                                ranges: ranges, text: text, start: range.lowerBound, end: range.upperBound,
                                steps: stepsPerText + stepsPerByte * range.count)
                            return matcher.parts(firstBytes)
                        }
                    }
                }
            }
        }
    }

    private mutating func parts(_ firstBytes: UnsafeBufferPointer<Bool>) -> [Part] {
        var parts: [Part] = []
        var position = start
        var previousEnd = start
        var lastMatchEnd = -1
        while position <= end {
            if firstBytes.count > 0 {
                while position < end, !firstBytes[Int(text[position])] { position += 1 }
                if position == end { break }
            }
            guard let matchEnd = match(from: 0, at: position) else {
                if steps <= 0 { break }
                position += position < end ? length(position) : 1
                continue
            }
            let isRepeatedNothing = matchEnd == position && position == lastMatchEnd
            if !isRepeatedNothing {
                if previousEnd < position { parts.append(Part(range: previousEnd..<position, isMatch: false)) }
                parts.append(Part(range: position..<matchEnd, isMatch: true))
                (previousEnd, lastMatchEnd) = (matchEnd, matchEnd)
            }
            position = matchEnd > position ? matchEnd : position + (position < end ? length(position) : 1)
        }
        if previousEnd < end { parts.append(Part(range: previousEnd..<end, isMatch: false)) }
        return parts
    }

    /// Where the match ends that begins at a place, if there is one.
    private mutating func match(from first: Int, at place: Int) -> Int? {
        let bottom = choices.count
        defer { if choices.count > bottom { choices.removeSubrange(bottom...) } }
        var instruction = first
        var position = place
        while true {
            steps -= 1
            guard steps > 0 else { return nil }
            var fails = false
            switch instructions[instruction] {
            case .match: return position
            case .set(let number):
                if let next = step(number, position) { position = next } else { fails = true }
                instruction += 1
            case .greedySpan(let number, let minimum, let maximum):
                let (least, most) = span(number, position, minimum, maximum)
                fails = least < 0
                if !fails, most > least {
                    choices.append(Choice(instruction + 1, most, .greedy, rest: least))
                }
                position = most
                instruction += 1
            case .possessiveSpan(let number, let minimum, let maximum):
                let (least, most) = span(number, position, minimum, maximum)
                fails = least < 0
                position = most
                instruction += 1
            case .lazySpan(let number, let minimum, let maximum):
                let (least, most) = span(number, position, minimum, minimum)
                fails = least < 0
                if !fails, maximum > minimum {
                    choices.append(Choice(instruction, most, .lazy, rest: maximum - minimum))
                }
                position = most
                instruction += 1
            case .preferNext(let other):
                choices.append(Choice(other, position))
                instruction += 1
            case .preferOther(let other):
                choices.append(Choice(instruction + 1, position))
                instruction = other
            case .jump(let other): instruction = other
            case .look(let end, let negative):
                fails = (match(from: instruction + 1, at: position) != nil) == negative
                instruction = end
            case .atomic(let end):
                if let next = match(from: instruction + 1, at: position) { position = next } else { fails = true }
                instruction = end
            case .behind(let number, let negative):
                let before = beginning(before: position)
                let isMember = before.map { step(number, $0) != nil } ?? false
                fails = isMember == negative
                instruction += 1
            case .assertion(let assertion):
                fails = !holds(assertion, position)
                instruction += 1
            }
            if choices.count > Self.maximumChoices { steps = 0 }
            guard fails else { continue }
            var isResumed = false
            while !isResumed {
                guard choices.count > bottom, let choice = choices.popLast() else { return nil }
                guard let (other, place) = resume(choice) else { continue }
                (instruction, position, isResumed) = (other, place, true)
            }
        }
    }

    /// Where to go on with a choice, if it can go on; what is left of it goes back onto the list.
    private mutating func resume(_ choice: Choice) -> (instruction: Int, position: Int)? {
        switch choice.kind {
        case .other: return (choice.instruction, choice.position)
        case .greedy:
            // The span gives back its last character.
            guard let before = beginning(before: choice.position) else { return nil }
            if before > choice.rest {
                choices.append(Choice(choice.instruction, before, .greedy, rest: choice.rest))
            }
            return (choice.instruction, before)
        case .lazy:
            guard case .lazySpan(let number, _, _) = instructions[choice.instruction],
                let next = step(number, choice.position)
            else { return nil }
            if choice.rest > 1 { choices.append(Choice(choice.instruction, next, .lazy, rest: choice.rest - 1)) }
            return (choice.instruction + 1, next)
        }
    }

    // MARK: - Characters

    /// The ends of the shortest and of the longest run of a set's members from a place on; -1 for the shortest if there
    /// are too few.
    private mutating func span(_ number: Int, _ place: Int, _ minimum: Int, _ maximum: Int) -> (least: Int, most: Int) {
        var position = place
        var least = minimum == 0 ? place : -1
        var count = 0
        while count < maximum, let next = step(number, position) {
            position = next
            count += 1
            if count == minimum { least = position }
        }
        steps -= count
        return (least, position)
    }

    /// The end of the character at a place, if it is a member of a set.
    @inline(__always) private func step(_ number: Int, _ position: Int) -> Int? {
        guard position < end else { return nil }
        let lead = text[position]
        let set = sets[number]
        if lead < 0x80 {
            let bits = lead < 64 ? set.low : set.high
            return bits >> UInt64(lead & 63) & 1 != 0 ? position + 1 : nil
        }
        let (scalar, length) = UTF8Decoding.scalar(text, position)
        return contains(set, scalar) ? position + length : nil
    }

    private func contains(_ set: RegexProgram.FlatSet, _ scalar: UInt32) -> Bool {
        let kind = traits.kind(scalar)
        if set.nested >= 0 { return program.nested[set.nested].contains(scalar, kind: kind) }
        if set.kinds >> UInt32(kind) & 1 != 0 { return !set.isNegated }
        for index in set.ranges where ranges[index].contains(scalar) { return !set.isNegated }
        return set.isNegated
    }

    @inline(__always) private func length(_ position: Int) -> Int { UTF8Decoding.announcedLength(text[position]) }

    /// Where the character before a place begins.
    private func beginning(before position: Int) -> Int? {
        guard position > start else { return nil }
        var index = position - 1
        while index > start, text[index] & 0xC0 == 0x80 { index -= 1 }
        return index
    }

    private func holds(_ assertion: RegexNode.Assertion, _ position: Int) -> Bool {
        switch assertion {
        case .startOfText: return position == start
        case .endOfText: return position == end
        case .startOfLine: return position == start || (text[position - 1] == 0x0A && position < end)
        case .endOfLine: return position == end || text[position] == 0x0A
        case .wordBoundary, .noWordBoundary:
            let before = beginning(before: position).map { step(program.wordSet, $0) != nil } ?? false
            let after = step(program.wordSet, position) != nil
            return (before != after) == (assertion == .wordBoundary)
        }
    }
}
