/// Goes through a character map once and finds what would lead a lookup astray: units that point outside
/// the trie, values that point outside the replacements, and loops.
struct CharacterMapCheck {
    let units: [UInt32]
    let replacements: [UInt8]

    /// The index and the description of the first unit that is wrong, or nil.
    func firstFault() -> (unit: Int, reason: String)? {
        faultyUnit() ?? loop()
    }

    /// Every unit by itself. What it points to is a block of 256 units, since a child's place is the base with
    /// its low eight bits changed.
    private func faultyUnit() -> (unit: Int, reason: String)? {
        func reachesOutside(_ index: Int, _ unit: UInt32) -> Bool {
            ((index ^ CharacterMap.offset(of: unit)) | 0xFF) >= units.count
        }
        guard CharacterMap.label(of: units[0]) == 0, !CharacterMap.hasValue(units[0]),
            CharacterMap.offset(of: units[0]) != 0, !reachesOutside(0, units[0])
        else { return (0, "its first unit is not the root of a trie") }

        for index in 1..<units.count {
            let unit = units[index]
            if CharacterMap.label(of: unit) > 0xFF {
                if let reason = faultyReplacement(CharacterMap.value(of: unit)) { return (index, reason) }
            } else if reachesOutside(index, unit) {
                return (index, "unit \(index) points outside the \(units.count) units")
            } else if CharacterMap.hasValue(unit) {
                let leaf = index ^ CharacterMap.offset(of: unit)
                guard CharacterMap.label(of: units[leaf]) > 0xFF else {
                    return (index, "unit \(index) has no value where it announces one")
                }
            }
        }
        return nil
    }

    private func faultyReplacement(_ start: Int) -> String? {
        guard start < replacements.count else {
            return "the value \(start) points outside the \(replacements.count) bytes of replacements"
        }
        // The last byte is known to be a NUL, so the search ends there at the latest.
        let limit = min(replacements.count, start + CharacterMap.maximumReplacementBytes + 1)
        guard replacements[start..<limit].contains(0) else {
            return "a replacement has more than \(CharacterMap.maximumReplacementBytes) bytes"
        }
        return nil
    }

    /// Walks the nodes that a lookup can reach. A node that is its own descendant would let a lookup run
    /// along the whole text from every place in it.
    private func loop() -> (unit: Int, reason: String)? {
        // Nodes that hang from the same base, as linked lists: every child of a base `b` is at `b ^ label`.
        var firstChild = [Int32](repeating: -1, count: units.count)
        var nextSibling = [Int32](repeating: -1, count: units.count)
        for index in units.indices.reversed() where CharacterMap.label(of: units[index]) <= 0xFF {
            let base = index ^ Int(CharacterMap.label(of: units[index]))
            guard base < units.count else { continue }
            nextSibling[index] = firstChild[base]
            firstChild[base] = Int32(index)
        }
        func children(of node: Int) -> Int32 { firstChild[node ^ CharacterMap.offset(of: units[node])] }

        enum State: UInt8 { case unseen, open, done }
        var states = [State](repeating: .unseen, count: units.count)
        var path: [(node: Int, next: Int32)] = [(0, children(of: 0))]
        states[0] = .open
        while let (node, next) = path.last {
            guard next >= 0 else {
                states[node] = .done
                path.removeLast()
                continue
            }
            let child = Int(next)
            path[path.count - 1].next = nextSibling[child]
            switch states[child] {
            case .open: return (child, "unit \(child) leads back to itself")
            case .done: break
            case .unseen:
                states[child] = .open
                path.append((child, children(of: child)))
            }
        }
        return nil
    }
}
