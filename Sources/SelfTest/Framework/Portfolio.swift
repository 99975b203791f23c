/// A model of this machine that takes part in a run.
package struct PortfolioModel: Sendable, Equatable {
    /// Its name.
    package var name: String
    /// What it is for.
    package var task: ModelTask
    /// The architecture.
    package var family: String
    /// Source languages (BCP 47).
    package var sourceLanguages: [String]
    /// Target languages.
    package var targetLanguages: [String]
    /// Bytes on disk.
    package var sizeBytes: Int
    /// Bytes that it is expected to take in memory.
    package var memoryBytes: Int
    /// The number of weights; 0 if unknown.
    package var parameters: Int

    /// A model.
    package init(
        name: String, task: ModelTask, family: String, sourceLanguages: [String] = [], targetLanguages: [String] = [],
        sizeBytes: Int, memoryBytes: Int, parameters: Int
    ) {
        (self.name, self.task, self.family) = (name, task, family)
        (self.sourceLanguages, self.targetLanguages) = (sourceLanguages, targetLanguages)
        (self.sizeBytes, self.memoryBytes, self.parameters) = (sizeBytes, memoryBytes, parameters)
    }
}

/// The models that take part in a run, and those that do not and why.
package struct Portfolio: Sendable {
    /// A model that cannot take part on this machine.
    package struct Gated: Sendable, Equatable {
        /// The model.
        package var model: PortfolioModel
        /// Why, with the numbers.
        package var reason: String
    }

    /// Those that do, the smallest first.
    package var models: [PortfolioModel]
    /// Those that do not.
    package var gated: [Gated]

    /// A portfolio.
    package init(models: [PortfolioModel], gated: [Gated] = []) { (self.models, self.gated) = (models, gated) }

    /// The smallest model for a task, and for a translation of a pair of languages.
    package func smallest(_ task: ModelTask, from source: String? = nil, to target: String? = nil) -> PortfolioModel? {
        models.filter { model in
            model.task == task && (source.map(model.sourceLanguages.contains) ?? true)
                && (target.map(model.targetLanguages.contains) ?? true)
        }.min { $0.memoryBytes < $1.memoryBytes }
    }
}
