/// Counts that are not yet in the database. Requests of one key share one place, so memory grows with the kinds of
/// requests and not with their number, and the kinds are bounded too.
struct UsageBuffer: Sendable {
    /// How many keys are told apart. Past it new language pairs of a model are counted together, then new models, and
    /// what has no place even then is only counted as lost.
    static let mostKeys = 1024

    private(set) var rows: [UsageKey: UsageAggregate] = [:]
    /// Requests that had no place.
    private(set) var lost = 0

    var isEmpty: Bool { rows.isEmpty }

    /// Adds an observation.
    mutating func add(_ observation: UsageObservation, isKnown: (@Sendable (String) -> Bool)?) {
        let key = UsageKey(
            day: UsageDay(observation.time).number, model: UsageNames.model(observation.model, isKnown: isKnown),
            task: observation.task.rawValue, source: UsageNames.language(observation.source),
            target: UsageNames.language(observation.target))
        if let place = place(for: key) {
            rows[place, default: UsageAggregate()].add(observation, isKnown: isKnown)
        } else {
            lost = UsageAggregate.sum(lost, observation.requests)
        }
    }

    /// Adds counts, such as those of a write that failed.
    mutating func add(_ other: UsageBuffer) {
        for (key, aggregate) in other.rows {
            if let place = place(for: key) {
                rows[place, default: UsageAggregate()].add(aggregate)
            } else {
                lost = UsageAggregate.sum(lost, aggregate.requests)
            }
        }
        lost = UsageAggregate.sum(lost, other.lost)
    }

    private func place(for key: UsageKey) -> UsageKey? {
        if rows.count < Self.mostKeys || rows[key] != nil { return key }
        var key = key
        (key.source, key.target) = (UsageNames.any, UsageNames.any)
        if rows.count < Self.mostKeys / 4 * 5 || rows[key] != nil { return key }
        key.model = UsageNames.other
        return rows.count < Self.mostKeys / 2 * 3 || rows[key] != nil ? key : nil
    }
}
