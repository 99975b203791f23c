/// What is wrong with one file of a model in the store.
package struct FileProblem: Equatable, Sendable, CustomStringConvertible {
    /// The kinds of damage.
    package enum Kind: Equatable, Sendable {
        /// There is no such file.
        case missing
        /// It has another size, in bytes.
        case size(expected: Int, found: Int)
        /// It has other bytes. Both are digests of the kind that the file is named by.
        case digest(expected: String, found: String)
        /// It cannot be read, for what the operating system says.
        case unreadable(reason: String)
    }

    /// The file's role in the model.
    package let role: String
    /// Its path, relative to the model's revision.
    package let path: String
    /// The digest that it should have.
    package let digest: String
    /// What is wrong.
    package let kind: Kind

    package var description: String {
        switch kind {
        case .missing: "\(path) is missing"
        case .size(let expected, let found): "\(path) has \(found) bytes, not \(expected)"
        case .digest(let expected, let found): "\(path) has the digest \(found), not \(expected)"
        case .unreadable(let reason): "\(path) cannot be read: \(reason)"
        }
    }
}

/// What a check found out about a model's files.
package struct ModelCheck: Equatable, Sendable {
    /// One file.
    package struct File: Equatable, Sendable {
        /// Its role in the model.
        package let role: String
        /// Its path, relative to the model's revision.
        package let path: String
        /// Its size in bytes, as it should be; 0 where only the file itself would tell and it is not there.
        package let sizeBytes: Int
        /// Whether its bytes were hashed now; else it was found right before and looks unchanged.
        package let wasHashed: Bool
        /// What is wrong with it; nil if nothing is.
        package let problem: FileProblem?
    }

    /// The revision that was checked.
    package let revision: String
    /// Its files, in the order of their paths.
    package let files: [File]
    /// What is wrong, in that order too.
    package var problems: [FileProblem] { files.compactMap(\.problem) }
}
