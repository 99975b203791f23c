internal import Generation
internal import Logging
internal import Foundation
internal import ModelHub

/// What a stand-in must be able to do.
struct StandInNeed: Sendable {
    var task: ModelDescriptor.Task
    /// The languages of a translation.
    var pair: (source: LanguageTag, target: LanguageTag)?
    /// What the texts of a translation are.
    var format = TranslationFormat.text
    /// Whether it is asked with a conversation.
    var needsChat = false

    func isServed(by descriptor: ModelDescriptor) -> Bool {
        guard let pair else { return descriptor.task == task }
        return descriptor.translates(from: pair.source, to: pair.target) && descriptor.reads(format)
    }
}

/// Who answers for a model that cannot. The configuration's stand-ins come first, then those of the catalogue; where neither
/// names one, the nearest: of the same task (for a translation: of the same pair, models made for it before chat models),
/// in memory before on disk, then by the languages they share, then by size, a model of half or twice the weights being
/// equally far. Vectors of two embedding models mean different things, so an embedding model has no stand-in but one that a
/// person has named. What is not on this machine stands in for nobody: a request does not wait for a download.
extension Engine {
    /// A lease of a model that stands in for `name`, or nil if none can.
    func standIn(for name: String, _ need: StandInNeed, reason: String) async throws -> ModelLease? {
        for candidate in standIns(for: name, need) {
            guard entries[candidate]?.loaded != nil || configuration.onDemand == .wait else { continue }
            do {
                let resident = try await resident(candidate)
                guard !need.needsChat || resident.model.knowsConversations else { continue }
                noteStandIn(candidate, for: name, reason)
                return ModelLease(resident, name: candidate, fallback: FallbackNotice(from: name, reason: reason))
            } catch let error as EngineError {
                logger.warning(
                    "a stand-in cannot answer either", metadata: ["model": "\(candidate)", "reason": "\(error)"])
            }
        }
        return nil
    }

    /// The models that may stand in for `name`, best first.
    private func standIns(for name: String, _ need: StandInNeed) -> [String] {
        guard let entry = entries[name] else { return [] }
        func isUsable(_ other: String) -> Bool {
            guard let candidate = entries[other], other != name else { return false }
            return candidate.setAside == nil && candidate.state != .failed && candidate.state != .unloading
                && need.isServed(by: candidate.descriptor) && (candidate.loaded != nil || isInstalled(candidate))
        }
        let named = namedStandIns(for: name)
        guard named.isEmpty else {
            let usable = named.filter(isUsable)
            return usable.filter { entries[$0]?.loaded != nil } + usable.filter { entries[$0]?.loaded == nil }
        }
        guard entry.descriptor.task != .embedding else { return [] }
        return order.filter(isUsable).map { ($0, distance(from: entry.descriptor, to: $0, need)) }
            .sorted { $0.1 < $1.1 }.map(\.0)
    }

    private func namedStandIns(for name: String) -> [String] {
        if let names = configuration.standIns[name] { return names }
        guard case .catalog(let listing) = entries[name]?.descriptor.origin else { return [] }
        return listing.standIns
    }

    /// How far a model is from another: less is nearer, compared number by number.
    private func distance(
        from descriptor: ModelDescriptor, to name: String, _ need: StandInNeed
    ) -> StandInDistance {
        guard let other = entries[name] else { return StandInDistance(values: []) }
        let missing = Set(descriptor.sourceLanguages).subtracting(other.descriptor.sourceLanguages).count
        let sizes = (Double(max(1, descriptor.parameters)), Double(max(1, other.descriptor.parameters)))
        return StandInDistance(values: [
            other.loaded == nil ? 1 : 0, other.descriptor.task == need.task ? 0 : 1,
            need.pair == nil ? Double(missing) : 0, abs(log2(sizes.0 / sizes.1)),
        ])
    }

    private struct StandInDistance: Comparable {
        var values: [Double]
        static func < (a: StandInDistance, b: StandInDistance) -> Bool { a.values.lexicographicallyPrecedes(b.values) }
    }

    /// The models that would serve if they were here, and how to get them.
    func hints(for name: String, _ need: StandInNeed) -> [String] {
        let named = namedStandIns(for: name)
        let candidates = named.isEmpty && need.task != .embedding ? order : named
        return candidates.filter { other in
            guard let entry = entries[other], other != name, entry.loaded == nil else { return false }
            return need.isServed(by: entry.descriptor) && !isInstalled(entry)
        }.prefix(3).map { "\($0) (get it with `svc pull \($0)`)" }
    }

    // MARK: Saying so

    private func noteStandIn(_ candidate: String, for name: String, _ reason: String) {
        guard entries[name]?.standIn != candidate else { return }
        entries[name]?.standIn = candidate
        logger.warning(
            "a stand-in answers", metadata: ["for": "\(name)", "model": "\(candidate)", "reason": "\(reason)"])
        events.publish(.fallbackBegan, model: name, ["stand_in": .text(candidate), "reason": .text(reason)])
    }

    func noteRecovered(_ name: String) {
        guard let standIn = entries[name]?.standIn else { return }
        entries[name]?.standIn = nil
        events.publish(.fallbackEnded, model: name, ["stand_in": .text(standIn)])
    }
}

extension LoadedModel {
    /// Whether it can be asked with a conversation.
    var knowsConversations: Bool {
        if case .generation(let model) = self { return model.template != nil }
        return false
    }
}
