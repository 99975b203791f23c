package import Foundation

/// What is counted of one request, or of several that are alike. It has no place for what was asked or answered, nor
/// for who asked.
package struct UsageObservation: Sendable {
    /// The name of the model that answered, or that failed to, as the service lists it: never as a client wrote it.
    package var model: String
    /// What was done.
    package var task: CatalogEntry.Task
    /// The language of the texts, as a BCP 47 tag; nil where languages say nothing about the task.
    package var source: String?
    /// The language translated into, as a BCP 47 tag.
    package var target: String?
    /// When it ended; its UTC day is what is kept.
    package var time: Date
    /// How many requests this stands for.
    package var requests = 1
    /// How many texts they held.
    package var texts: Int
    /// How many characters (Unicode scalars or what the service counts as such) the texts had.
    package var characters: Int
    /// How many tokens were read.
    package var sourceTokens: Int
    /// How many tokens were written.
    package var targetTokens: Int
    /// How long it took, in seconds. Of failures it is not kept: an early refusal says nothing of a model's speed.
    package var latencySeconds: Double
    /// The code of the failure, such as `queue_full`; nil if all went well. Lower-case words joined by underscores:
    /// anything else is counted as `other`.
    package var failure: String?
    /// The model that was asked for, if another one answered in its stead.
    package var standInFor: String?

    /// Creates an observation.
    package init(
        model: String, task: CatalogEntry.Task, source: String? = nil, target: String? = nil, time: Date = .now,
        requests: Int = 1, texts: Int = 0, characters: Int = 0, sourceTokens: Int = 0, targetTokens: Int = 0,
        latencySeconds: Double, failure: String? = nil, standInFor: String? = nil
    ) {
        self.model = model
        self.task = task
        self.source = source
        self.target = target
        self.time = time
        self.requests = requests
        self.texts = texts
        self.characters = characters
        self.sourceTokens = sourceTokens
        self.targetTokens = targetTokens
        self.latencySeconds = latencySeconds
        self.failure = failure
        self.standInFor = standInFor
    }
}
