/// What must be known of rules before they are made deterministic: that none leads back to itself without a byte, that
/// no more than a few begin one another, and which can end at all.
struct RuleAnalysis {
    /// For each rule, whether some text satisfies it.
    private(set) var isProductive: [Bool]

    /// - Throws: `GrammarError.endlessReference`, `.tooLarge`, and `.unsatisfiable` for `root`.
    init(_ builder: AutomatonBuilder, root: AutomatonBuilder.Rule) throws(GrammarError) {
        try Self.checkFirstCalls(builder)
        isProductive = Self.productiveRules(builder)
        guard isProductive[Int(root)] else { throw .unsatisfiable(pointer: builder.rules[Int(root)].pointer) }
    }

    /// Refuses rules that call themselves, perhaps through others, before a byte is read, and long chains of such
    /// calls, which a matcher follows all at once.
    private static func checkFirstCalls(_ builder: AutomatonBuilder) throws(GrammarError) {
        let firstCalls = builder.rules.map { Self.firstCalls(builder, from: $0.start) }
        // For each rule the length of its longest chain; 0 if not seen, -1 on the path that is being followed.
        var chains = [Int](repeating: 0, count: firstCalls.count)
        for root in firstCalls.indices where chains[root] == 0 {
            var path = [(rule: root, next: 0)]
            chains[root] = -1
            while let (rule, next) = path.last {
                guard next < firstCalls[rule].count else {
                    chains[rule] = 1 + (firstCalls[rule].map { chains[Int($0)] }.max() ?? 0)
                    guard chains[rule] <= GrammarLimits.chain else {
                        throw .tooLarge(
                            pointer: builder.rules[rule].pointer, what: "references in a row",
                            limit: GrammarLimits.chain)
                    }
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let callee = Int(firstCalls[rule][next])
                if chains[callee] < 0 { throw .endlessReference(pointer: builder.rules[callee].pointer) }
                if chains[callee] == 0 {
                    chains[callee] = -1
                    path.append((callee, 0))
                }
            }
        }
    }

    private static func firstCalls(
        _ builder: AutomatonBuilder, from start: AutomatonBuilder.State
    ) -> [AutomatonBuilder.Rule] {
        var found: Set<AutomatonBuilder.Rule> = []
        var seen: Set<AutomatonBuilder.State> = [start]
        var open = [start]
        while let state = open.popLast() {
            var link = builder.callHeads[Int(state)]
            while link >= 0 {
                found.insert(builder.calls[Int(link)].rule)
                link = builder.calls[Int(link)].next
            }
            link = builder.epsilonHeads[Int(state)]
            while link >= 0 {
                let target = builder.epsilons[Int(link)].target
                if seen.insert(target).inserted { open.append(target) }
                link = builder.epsilons[Int(link)].next
            }
        }
        return found.sorted()
    }

    /// Follows all rules from their starts at once; who waits for a call goes on as soon as the called rule has ended.
    private static func productiveRules(_ builder: AutomatonBuilder) -> [Bool] {
        var isProductive = [Bool](repeating: false, count: builder.rules.count)
        var waiting: [[AutomatonBuilder.State]] = Array(repeating: [], count: builder.rules.count)
        var seen = [Bool](repeating: false, count: builder.stateCount)
        var ruleOfEnd: [AutomatonBuilder.State: Int] = [:]
        var open: [AutomatonBuilder.State] = []
        func visit(_ state: AutomatonBuilder.State) {
            guard !seen[Int(state)] else { return }
            seen[Int(state)] = true
            open.append(state)
        }
        for (index, rule) in builder.rules.enumerated() {
            ruleOfEnd[rule.end] = index
            visit(rule.start)
        }
        while let state = open.popLast() {
            if let rule = ruleOfEnd[state] {
                isProductive[rule] = true
                for waiter in waiting[rule] { visit(waiter) }
                waiting[rule] = []
            }
            var link = builder.byteHeads[Int(state)]
            while link >= 0 {
                visit(builder.byteTransitions[Int(link)].target)
                link = builder.byteTransitions[Int(link)].next
            }
            link = builder.epsilonHeads[Int(state)]
            while link >= 0 {
                visit(builder.epsilons[Int(link)].target)
                link = builder.epsilons[Int(link)].next
            }
            link = builder.callHeads[Int(state)]
            while link >= 0 {
                let call = builder.calls[Int(link)]
                if isProductive[Int(call.rule)] {
                    visit(call.target)
                } else {
                    waiting[Int(call.rule)].append(call.target)
                }
                link = call.next
            }
        }
        return isProductive
    }
}
