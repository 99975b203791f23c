internal import Foundation
internal import Generation
package import LanguageID
internal import ModelHub

extension Engine {
    /// Texts of one request that are in the queue at once: enough to fill batches, and not all of a long array.
    private static let concurrentTexts = 64

    /// Translates texts.
    ///
    /// - Parameter onSentence: told each sentence as soon as it and all before it are there, in the order of the texts.
    ///   Has to return at once. Chat models have whole passages for sentences.
    /// - Throws: `EngineError` for unknown languages, pairs and models, and models that are not ready;
    ///   `QueueFullError`; `CancellationError`.
    package nonisolated func translate(
        _ query: TranslationQuery, onSentence: (@Sendable (TranslatedSentence) -> Void)? = nil
    ) async throws -> [TranslatedItem] {
        let route = try await route(query)
        let order = onSentence.map(SentenceOrder.init)
        let readable = query.source == nil ? query.readable : []
        let detections = query.source == nil ? try await detect(readable) : nil
        let began = ContinuousClock.now
        do {
            let items = try await withThrowingTaskGroup(of: (Int, TranslatedItem).self) { group in
                var items: [TranslatedItem?] = Array(repeating: nil, count: query.texts.count)
                for (index, text) in query.texts.enumerated() {
                    if index >= Self.concurrentTexts, let (done, item) = try await group.next() { items[done] = item }
                    group.addTask {
                        let detected = detections.map { (readable[index], $0[index]) }
                        let item = try await self.translate(text, index, route, detected: detected, query, order)
                        order?.end(index)
                        return (index, item)
                    }
                }
                for try await (done, item) in group { items[done] = item }
                return items.compactMap { $0 }
            }
            noteTranslation(of: query.texts, items, began: began)
            return items
        } catch let failure as TextFailure {
            noteUse(
                of: failure.model, .translation, answeredBy: failure.lease, pair: failure.pair,
                texts: query.texts.count,
                began: began, failure: failure.error)
            throw failure.error
        }
    }

    /// Why a text, and with it the request, could not be translated.
    private struct TextFailure: Error {
        var model: String
        var lease: ModelLease?
        var pair: UsagePair
        var error: any Error
    }

    /// The languages of a query, checked.
    private struct Route: Sendable {
        var source: LanguageTag?
        var target: LanguageTag
        var format: TranslationFormat
    }

    private func route(_ query: TranslationQuery) throws -> Route {
        let descriptors = order.filter { isChoosable($0) || $0 == query.model }.compactMap { entries[$0]?.descriptor }
            .filter(\.canTranslate)
        func tag(_ text: String, _ languages: (ModelDescriptor) -> [String]) throws -> LanguageTag {
            guard let tag = LanguageTag(text),
                descriptors.contains(where: { languages($0).contains { tag.isServed(by: $0) } })
            else { throw EngineError.unsupportedLanguage(text) }
            return tag
        }
        let route = Route(
            source: try query.source.map { try tag($0) { $0.sourceLanguages + $0.targetLanguages } },
            target: try tag(query.target) { $0.sourceLanguages + $0.targetLanguages }, format: query.format)
        if let name = query.model {
            let descriptor = try entry(name).descriptor
            guard descriptor.canTranslate else {
                throw EngineError.wrongTask(model: name, task: descriptor.task.rawValue, wanted: "translation")
            }
            if let source = route.source, !descriptor.translates(from: source, to: route.target) {
                throw EngineError.unsupportedPair(source: source.description, target: "\(route.target) with \(name)")
            }
        } else if let source = route.source, source.primary != route.target.primary,
            modelName(from: source, route) == nil
        {
            throw EngineError.unsupportedPair(source: source.description, target: route.target.description)
        }
        return route
    }

    /// The model for a pair: one that is ready before one that is on disk, one made for translation before one that is
    /// asked to, the catalogue's order between equals. One that has been set aside is still the one meant: whoever answers
    /// for it stands in, and says so.
    /// One that cannot place tags is not asked for HTML, unless there is no other.
    private func modelName(from source: LanguageTag, _ route: Route) -> String? {
        let all = order.filter {
            entries[$0]?.descriptor.translates(from: source, to: route.target) == true && isChoosable($0)
        }
        let placing = all.filter { entries[$0]?.descriptor.reads(route.format) == true }
        let able = placing.isEmpty ? all : placing
        let names =
            able.filter { entries[$0]?.descriptor.task == .translation }
            + able.filter { entries[$0]?.descriptor.task != .translation }
        return names.first { entries[$0]?.state == .ready || entries[$0]?.setAside != nil }
            ?? names.first { isObtainable($0) } ?? names.first
    }

    /// - Parameter detected: what a reader sees of the text, and what was detected in that.
    private nonisolated func translate(
        _ text: String, _ index: Int, _ route: Route,
        detected: (text: String, detection: LanguageIdentifier.Detection)?, _ query: TranslationQuery,
        _ order: SentenceOrder?
    ) async throws -> TranslatedItem {
        let choice = await choose(route, detected: detected, model: query.model)
        var item = TranslatedItem(
            text: text, source: choice.source?.description ?? "und", target: route.target.description,
            detected: choice.detected)
        let (sourceTag, targetTag, detected) = (item.source, item.target, item.detected)
        let onSentence = order.map { order in
            { @Sendable (text: String) in
                order.add(
                    TranslatedSentence(
                        index: index, text: text, source: sourceTag, target: targetTag, detected: detected))
            }
        }
        guard let source = choice.source, choice.model != nil || source.primary != route.target.primary else {
            onSentence?(text)
            return item
        }
        guard let name = choice.model else {
            onSentence?(text)
            item.warnings = [
                (
                    "unsupported_language",
                    "the text seems to be in \(source), which no model translates to \(route.target)"
                )
            ]
            return item
        }
        let answer = try await translate(text, with: name, from: source, to: route.target, query, onSentence)
        let result = answer.result
        item.text = result.text
        item.alternatives = result.alternatives
        item.warnings = result.warnings.map { ($0.kind.rawValue, $0.message) }
        if result.isTranslated {
            item.model = answer.lease.name
            item.fallback = answer.lease.fallback
        }
        item.sourceTokens = result.sourceTokens
        item.targetTokens = result.targetTokens
        item.queueSeconds = result.queueSeconds
        item.inferenceSeconds = result.inferenceSeconds
        return item
    }

    private nonisolated func translate(
        _ text: String, with name: String, from source: LanguageTag, to target: LanguageTag, _ query: TranslationQuery,
        _ onSentence: (@Sendable (String) -> Void)?
    ) async throws -> (result: TranslationResult, lease: ModelLease) {
        var lease: ModelLease?
        do {
            let need = StandInNeed(task: .translation, pair: (source, target), format: query.format)
            let held = try await acquire(name, standIn: query.fallback == .auto ? need : nil)
            lease = held
            return (try await translate(text, with: held, from: source, to: target, query, onSentence), held)
        } catch let error where !(error is CancellationError) {
            throw TextFailure(
                model: name, lease: lease, pair: UsagePair(source: source.description, target: target.description),
                error: error)
        }
    }

    private nonisolated func translate(
        _ text: String, with lease: ModelLease, from source: LanguageTag, to target: LanguageTag,
        _ query: TranslationQuery, _ onSentence: (@Sendable (String) -> Void)?
    ) async throws -> TranslationResult {
        switch lease.model {
        case .translation(let batcher):
            return try await batcher.translate(
                TranslationRequest(
                    text: text, direction: batcher.direction(from: source, to: target), search: query.search,
                    format: query.format), onSentence: onSentence)
        case .generation(let model):
            guard query.format == .text else { throw EngineError.formatNotTranslated(query.format, model: lease.name) }
            guard let prompt = try await entry(lease.name).descriptor.translationPrompt else {
                throw EngineError.wrongTask(model: lease.name, task: "something else", wanted: "translation")
            }
            return try await translateByChat(
                text, with: GenerationHandle(lease: lease, model: model), prompt: prompt, from: source, to: target,
                onSentence: onSentence)
        case .languageIdentification, .embedding:
            throw EngineError.wrongTask(model: lease.name, task: "something else", wanted: "translation")
        }
    }

    private struct Choice: Sendable {
        var source: LanguageTag?
        var detected: LanguageIdentifier.Candidate?
        var model: String?
    }

    /// The source language and the model of one text. Of the languages detected, a close second that can be translated
    /// is taken before a first that cannot: Galician and Portuguese are easily mistaken for one another.
    private func choose(
        _ route: Route, detected: (text: String, detection: LanguageIdentifier.Detection)?, model: String?
    ) -> Choice {
        func serves(_ source: LanguageTag) -> Bool {
            if source.primary == route.target.primary { return true }
            if let model { return entries[model]?.descriptor.translates(from: source, to: route.target) == true }
            return modelName(from: source, route) != nil
        }
        guard let (text, detection) = detected else {
            guard let source = route.source else { return Choice() }
            return Choice(source: source, model: model ?? modelName(from: source, route))
        }
        let first = LanguageIdentifier.Candidate(language: detection.language, confidence: detection.confidence)
        guard detection.language != "und" else {
            // Too short to tell ("Hi"): English is assumed, as LibreTranslate does; without a word there is nothing to do.
            guard text.unicodeScalars.contains(where: \.properties.isAlphabetic), let english = LanguageTag("en"),
                serves(english)
            else { return Choice(detected: first) }
            let isTarget = english.primary == route.target.primary
            return Choice(
                source: english, detected: first,
                model: isTarget ? nil : model ?? modelName(from: english, route))
        }
        let candidates = detection.candidates.isEmpty ? [first] : detection.candidates
        let close = candidates.filter { $0.confidence >= 0.5 * first.confidence }
        let chosen = close.first { LanguageTag($0.language).map(serves) ?? false } ?? first
        guard let source = LanguageTag(chosen.language) else { return Choice(detected: chosen) }
        let name = serves(source) ? model ?? modelName(from: source, route) : nil
        return Choice(source: source, detected: chosen, model: source.primary == route.target.primary ? nil : name)
    }

    /// Identifies the language of each text.
    ///
    /// - Throws: `EngineError` if no model for it is there.
    package nonisolated func detect(_ texts: [String]) async throws -> [LanguageIdentifier.Detection] {
        let began = ContinuousClock.now
        let name = try await identificationModel()
        let lease = try await acquire(name, standIn: StandInNeed(task: .languageIdentification))
        let identifier = try Self.identifier(of: lease)
        let detections = try await pool.run { _ in texts.map { identifier.detect($0) } }
        noteDetection(of: texts, model: name, answeredBy: lease, began: began)
        return detections
    }

    /// Identifies the language of short texts where a model for it is in memory: at once, and on the caller's thread,
    /// because to hand them to a worker takes longer than they do. Nil for anything else, which `detect` answers.
    package nonisolated func detectAtOnce(_ texts: [String]) async throws -> [LanguageIdentifier.Detection]? {
        guard texts.reduce(0, { $0 + $1.utf8.count }) <= Self.shortDetectionBytes else { return nil }
        let began = ContinuousClock.now
        guard let lease = await readyIdentifier() else { return nil }
        let identifier = try Self.identifier(of: lease)
        let detections = texts.map { identifier.detect($0) }
        noteDetection(of: texts, model: lease.name, answeredBy: lease, began: began)
        return detections
    }

    /// Some 0.2 ms of work.
    private static let shortDetectionBytes = 4096

    private nonisolated static func identifier(of lease: ModelLease) throws -> LanguageIdentifier {
        guard case .languageIdentification(let identifier) = lease.model else {
            throw EngineError.noLanguageIdentification
        }
        return identifier
    }

    private nonisolated func noteDetection(
        of texts: [String], model name: String, answeredBy lease: ModelLease, began: ContinuousClock.Instant
    ) {
        noteUse(
            of: name, .languageIdentification, answeredBy: lease, texts: texts.count,
            characters: texts.reduce(0) { $0 + $1.unicodeScalars.count }, began: began)
    }

    private func identificationModel() throws -> String {
        let names = identificationModels
        guard
            let name = names.first(where: { entries[$0]?.state == .ready }) ?? names.first(where: isObtainable)
                ?? names.first
        else { throw EngineError.noLanguageIdentification }
        return name
    }

    /// A model that `detect` would ask and that answers for itself now.
    private func readyIdentifier() -> ModelLease? {
        for name in identificationModels {
            guard let entry = entries[name], entry.state == .ready, let loaded = entry.loaded else { continue }
            noteRequest(of: name)
            return ModelLease(loaded, name: name, fallback: nil)
        }
        return nil
    }

    /// The languages that can be translated, and into which: each one's code and its targets, itself among them.
    package func languages() -> [(code: String, targets: [String])] {
        var targets: [String: Set<String>] = [:]
        for name in order where isObtainable(name) && isChoosable(name) {
            guard let descriptor = entries[name]?.descriptor, descriptor.canTranslate else { continue }
            for target in descriptor.targetLanguages { targets[target, default: [target]].insert(target) }
            for source in descriptor.sourceLanguages {
                targets[source, default: [source]].formUnion(descriptor.targetLanguages)
            }
        }
        return targets.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }
}
