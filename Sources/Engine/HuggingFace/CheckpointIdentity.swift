internal import Crypto
internal import Foundation

/// What tells one checkpoint from another, for what is derived from it and kept.
enum CheckpointIdentity {
    /// A digest over the identities of files. A file of a hub's cache is named by the digest of its bytes; any other file
    /// is what it is by its place, size, time of change and inode, since hashing gigabytes at every start would cost what
    /// the derived file saves.
    ///
    /// - Throws: an error of the file system.
    static func key(of paths: [String]) throws -> String {
        var hash = SHA256()
        for path in paths {
            let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath()
            let name = resolved.lastPathComponent
            if [40, 64].contains(name.utf8.count), name.allSatisfy(\.isHexDigit) {
                hash.update(data: Data("blob \(name)\n".utf8))
                continue
            }
            var status = stat()
            guard stat(resolved.path, &status) == 0 else {
                throw CocoaError(.fileReadNoSuchFile, userInfo: [NSFilePathErrorKey: path])
            }
            hash.update(
                data: Data(
                    "file \(resolved.path) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(status.st_ino)\n"
                        .utf8))
        }
        return hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0\(digits)" : digits
        }.joined()
    }
}
