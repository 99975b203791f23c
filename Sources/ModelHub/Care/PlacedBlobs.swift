import Foundation

/// Which blobs this program has put into the Hugging Face Hub's cache. Other programs keep theirs there too, and only
/// ours may be removed. In our own store every blob is ours.
///
/// A note is an empty file `.placed/<repository>/<digest>` in our own store. It is written before the blob gets its
/// name: a process that dies in between leaves a note without a blob, which harms nobody.
enum PlacedBlobs {
    private static func directory(_ repository: ModelRepository) -> String {
        // The records of a repository of the Hub's cache are in `.verified/<repository>` of our own store.
        let records = repository.verified as NSString
        let home = (records.deletingLastPathComponent as NSString).deletingLastPathComponent
        return home + "/.placed/" + records.lastPathComponent
    }

    private static func path(_ digest: String, _ repository: ModelRepository) -> String {
        directory(repository) + "/" + digest
    }

    /// Notes that the blob comes from us. Where that fails the blob is never removed, which is the safe side.
    static func note(_ digest: String, _ repository: ModelRepository) {
        guard repository.isShared else { return }
        try? Disk.makeDirectory(directory(repository))
        let descriptor = open(path(digest, repository), O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Whether the blob is ours.
    static func contains(_ digest: String, _ repository: ModelRepository) -> Bool {
        !repository.isShared || Disk.status(path(digest, repository)) != nil
    }

    /// Whether anything in the repository is ours.
    static func isKnown(_ repository: ModelRepository) -> Bool {
        !repository.isShared || Disk.status(directory(repository)) != nil
    }

    /// Forgets a blob that is gone.
    static func remove(_ digest: String, _ repository: ModelRepository) {
        guard repository.isShared else { return }
        unlink(path(digest, repository))
        Disk.removeDirectoryIfEmpty(directory(repository))
    }
}

extension ModelRepository {
    /// Whether other programs keep files here too: it is a repository of the Hub's cache.
    var isShared: Bool { !verified.hasPrefix(directory + "/") }

    /// Its name: `models--OWNER--REPOSITORY`.
    var name: String { (directory as NSString).lastPathComponent }
}
