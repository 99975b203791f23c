internal import ModelHub
internal import Synchronization

/// A model that is in memory, and how many use it. It is given up only when nobody does: an update, an unload or a damaged
/// file takes a model away from new requests, never from running ones.
final class ResidentModel: Sendable {
    let model: LoadedModel
    /// The revision of its files; nil for a model that is named by its path.
    let revision: String?
    /// Bytes it takes.
    let memoryBytes: Int
    /// Tells other processes that the files are in use.
    private let use: ModelUse?
    private let leases = Atomic<Int>(0)

    init(_ model: LoadedModel, revision: String?, memoryBytes: Int, use: ModelUse?) {
        (self.model, self.revision, self.memoryBytes, self.use) = (model, revision, memoryBytes, use)
    }

    /// Whether no request needs it.
    var isIdle: Bool { leases.load(ordering: .acquiring) == 0 && model.openRequests == 0 }

    fileprivate func retain() { leases.add(1, ordering: .acquiringAndReleasing) }
    fileprivate func release() { leases.subtract(1, ordering: .acquiringAndReleasing) }

    /// Ends its threads and lets go of its files.
    func close() {
        model.close()
        use?.release()
    }
}

/// The right to use a model that is in memory, for as long as somebody holds on to this.
final class ModelLease: Sendable {
    private let resident: ResidentModel
    /// The model that answers.
    let name: String
    /// Whose place it takes; nil if it was asked for itself.
    let fallback: FallbackNotice?

    var model: LoadedModel { resident.model }

    init(_ resident: ResidentModel, name: String, fallback: FallbackNotice?) {
        (self.resident, self.name, self.fallback) = (resident, name, fallback)
        resident.retain()
    }

    deinit { resident.release() }
}

/// What an answer says that another model gave than was asked.
package struct FallbackNotice: Sendable, Equatable {
    /// The model that was asked, or would have been chosen.
    package var from: String
    /// Why it did not answer.
    package var reason: String
}

/// Whether a request takes the answer of a stand-in.
package enum FallbackPolicy: String, Sendable, CaseIterable {
    /// Where the model cannot answer, the nearest may.
    case auto
    /// The model that was asked, or an error.
    case never
}
