/// Decides which case is run on which service for which model.
struct Planner {
    private let options: RunOptions
    private let isOurs: Bool
    private var plan: Plan
    private var groups: [Key: PlannedGroup] = [:]
    private var order: [Key] = []
    private var leftOut: [(reason: String, count: Int)] = []
    private var count = 0

    private struct Key: Hashable {
        enum Kind: Hashable { case shared, model, alone(Int) }
        var kind: Kind
        var model: String?
        var isAlone: Bool
    }

    /// - Parameter isOurs: whether we start the services, from a program that we have.
    static func plan(
        _ cases: [TestCase], portfolio: Portfolio, options: RunOptions, isOurs: Bool, sources: [String],
        testedVersion: String
    ) -> Plan {
        var planner = Planner(
            options: options, isOurs: isOurs,
            plan: Plan(portfolio: portfolio, sources: sources, testedVersion: testedVersion))
        for testCase in cases where options.accepts(testCase) { planner.add(testCase) }
        return planner.finished()
    }

    private init(options: RunOptions, isOurs: Bool, plan: Plan) {
        (self.options, self.isOurs, self.plan) = (options, isOurs, plan)
    }

    private mutating func add(_ testCase: TestCase) {
        if let reason = reasonToLeaveOut(testCase) {
            if let known = leftOut.firstIndex(where: { $0.reason == reason }) {
                leftOut[known].count += 1
            } else {
                leftOut.append((reason, 1))
            }
            return
        }
        switch testCase.subject {
        case .service, .ownServices, .program:
            let planned = next(testCase, nil)
            if let reason = missing(testCase) {
                plan.gated.append(Plan.Gated(planned: planned, reason: reason))
            } else {
                place(planned)
            }
        case .model(let tasks), .programWithModel(let tasks):
            addForEachModel(testCase, tasks)
        }
    }

    private mutating func addForEachModel(_ testCase: TestCase, _ tasks: Set<ModelTask>) {
        let models = plan.portfolio.models.filter { tasks.contains($0.task) && options.filter.accepts($0) }
        let gated = plan.portfolio.gated.filter { tasks.contains($0.model.task) && options.filter.accepts($0.model) }
        for model in models {
            let planned = next(testCase, model)
            if let reason = missing(testCase) {
                plan.gated.append(Plan.Gated(planned: planned, reason: reason))
            } else {
                place(planned)
            }
        }
        for entry in gated {
            plan.gated.append(Plan.Gated(planned: next(testCase, entry.model), reason: entry.reason))
        }
        // With a filter it was asked for that only some models are looked at; without, an empty place is reported.
        if models.isEmpty, gated.isEmpty, !options.filter.isActive {
            let names = tasks.map(\.rawValue).sorted().joined(separator: " or ")
            plan.gated.append(Plan.Gated(planned: next(testCase, nil), reason: "no model for \(names) \(hereOrThere)"))
        }
    }

    private var hereOrThere: String { isOurs ? "is installed" : "is ready on the service" }

    private func reasonToLeaveOut(_ testCase: TestCase) -> String? {
        if !isOurs {
            switch testCase.subject {
            case .service, .model: break
            default: return "they need the program itself, and only the address of a service is known"
            }
            if testCase.isDestructive { return "they would change a service that others use" }
        }
        switch testCase.subject {
        case .model, .programWithModel: return nil
        default:
            return options.filter.isActive ? "they are not about one model, and only some models were asked for" : nil
        }
    }

    private func missing(_ testCase: TestCase) -> String? {
        for need in testCase.needs {
            switch need {
            case .task(let task):
                if plan.portfolio.smallest(task) == nil { return "no model for \(task.rawValue) \(hereOrThere)" }
            case .several(let task, let count):
                let found = plan.portfolio.models.count { $0.task == task }
                if found < count {
                    return "needs \(count) models for \(task.rawValue), and \(found) "
                        + (isOurs ? "are installed" : "are ready on the service")
                }
            case .translation(let source, let target):
                if plan.portfolio.smallest(.translation, from: source, to: target) == nil {
                    return "no model that translates \(source) to \(target) \(hereOrThere)"
                }
            }
        }
        return nil
    }

    private mutating func next(_ testCase: TestCase, _ model: PortfolioModel?) -> PlannedCase {
        count += 1
        return PlannedCase(testCase: testCase, model: model, index: count)
    }

    private mutating func place(_ planned: PlannedCase) {
        let isAlone = planned.testCase.suite == .performance
        let key: Key
        let server: PlannedGroup.Server
        switch planned.testCase.subject {
        case .service:
            key = Key(kind: .shared, isAlone: isAlone)
            server = isOurs ? .started(smallModels) : .given
        case .model:
            // The quick profile has no time for a service for each model.
            if let model = planned.model, !(options.isQuick && smallModels.contains(model)) {
                key = Key(kind: .model, model: model.name, isAlone: isAlone)
                server = isOurs ? .started([model]) : .given
            } else {
                key = Key(kind: .shared, isAlone: isAlone)
                server = isOurs ? .started(smallModels) : .given
            }
        case .ownServices, .program, .programWithModel:
            key = Key(kind: .alone(planned.index), isAlone: isAlone)
            server = .none
        }
        if groups[key] == nil {
            groups[key] = PlannedGroup(
                server: server, model: key.kind == .shared ? nil : planned.model, cases: [], isAlone: isAlone)
            order.append(key)
        }
        groups[key]?.cases.append(planned)
    }

    /// The models of the shared service: as many of the smallest as fit the budget, none of them large.
    private var smallModels: [PortfolioModel] {
        var bytes = 0
        return plan.portfolio.models.filter { model in
            bytes += model.memoryBytes
            return model.memoryBytes <= 2 << 30 && bytes <= options.budget.bytes
        }
    }

    private mutating func finished() -> Plan {
        let placed = order.compactMap { groups[$0] }.map { group in
            var group = group
            // What damages its service comes after what only uses it.
            group.cases =
                group.cases.filter { !$0.testCase.isDestructive } + group.cases.filter(\.testCase.isDestructive)
            return group
        }
        plan.groups = placed.filter { !$0.isAlone } + placed.filter(\.isAlone)
        plan.leftOut = leftOut.map { Plan.LeftOut(count: $0.count, reason: $0.reason) }
        return plan
    }
}
