/// What collecting garbage found, and removed unless it was only asked to look.
package struct GarbageReport: Equatable, Sendable {
    /// Something that nothing needs any more.
    package struct Item: Equatable, Sendable {
        /// The kinds of garbage.
        package enum Kind: String, Sendable, Hashable, CaseIterable {
            /// A version of a model that is neither used, nor pinned, nor the one before.
            case version
            /// A file that no snapshot links to.
            case blob
            /// A download that nobody went on with.
            case partial
            /// What a process that died was working on.
            case temporary
            /// A damaged file that was set aside.
            case quarantine
            /// Weights that were quantised from a model that is gone.
            case packed
        }

        /// What it is.
        package let kind: Kind
        /// Where it is, or was.
        package let path: String
        /// The bytes that removing it frees; of a version those that no other one shares.
        package let sizeBytes: Int
        /// The model that it belongs to, where that is known.
        package let model: String?
    }

    /// What was found, in the order in which it goes.
    package internal(set) var items: [Item] = []
    /// The repositories that were left alone because somebody is changing them.
    package internal(set) var busy: [String] = []
    /// Whether everything stayed where it is.
    package let isDryRun: Bool
    /// The bytes that are free again, or would be.
    package var freedBytes: Int { items.reduce(0) { $0 + $1.sizeBytes } }
}

/// For how long what may be needed again stays.
package struct GarbagePolicy: Equatable, Sendable {
    /// Days after which a download that was not gone on with is given up, with the whole files that it had fetched.
    package var partialDays = 7.0
    /// Days after which what a dead process was working on goes, where no lock tells that it is dead.
    package var temporaryDays = 1.0
    /// Days for which a version that was pulled stays although it is not used: somebody may be about to choose it.
    package var versionDays = 1.0
    /// What stays in quarantine.
    package var quarantine = QuarantineBounds()

    /// The usual times.
    package init() {}
}
