import Foundation

/// A download that did not get to its end.
struct UnfinishedDownload {
    var path: String
    /// With its journal.
    var sizeBytes: Int
    var changed: Date
    /// Whether a later pull goes on from it; else it is what a dead process was writing.
    var isResumable: Bool
}

extension ModelRepository {
    /// What downloads that are ours have left unfinished. In the Hub's cache `*.incomplete` are other programs', and
    /// `*.svc.incomplete` are ours.
    func partials() throws -> [UnfinishedDownload] {
        let names = try Disk.names(in: blobs)
        let ours = names.filter { $0.hasSuffix(isShared ? ".svc.incomplete" : ".incomplete") }
        let journals = names.filter { $0.hasSuffix(".svc.incomplete.json") }
        let orphans = journals.filter { !names.contains(String($0.dropLast(".json".count))) }
        return (ours + orphans).map { name in
            let path = blobs + "/" + name
            let isResumable = name.contains(".svc.incomplete")
            let changes = [path, path + ".json"].compactMap(Disk.changed)
            return UnfinishedDownload(
                path: path, sizeBytes: Disk.allocatedSize(path) + Disk.ownSize(path + ".json"),
                changed: changes.max() ?? .distantPast, isResumable: isResumable)
        }
    }

    /// Removes a partial and its journal.
    func removePartial(_ path: String) throws {
        try Disk.removeFile(path)
        try Disk.removeFile(path + ".json")
    }
}

extension Disk {
    /// The bytes that a file takes: those of a partial that is written in several places at once are fewer than it is
    /// long.
    static func allocatedSize(_ path: String) -> Int {
        var buffer = stat()
        guard lstat(path, &buffer) == 0, buffer.st_mode & S_IFMT == S_IFREG else { return 0 }
        return min(Int(buffer.st_size), Int(buffer.st_blocks) * 512)
    }
}
