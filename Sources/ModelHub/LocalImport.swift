import Foundation

/// Copies a `file:` source into the store: a single file, or a directory with its catalogue-listed files or all
/// of them. Copies, never links: what is in the store must not change because somebody edits the original.
struct LocalImport {
    let entry: CatalogEntry
    let source: String
    let repository: ModelRepository
    let reporter: ProgressReporter
    let cancellation: Cancellation

    /// Puts the blobs of all files in place and returns the files. The caller links them.
    func run(rehash: Bool) throws -> [CatalogFile] {
        guard let status = Disk.status(source) else {
            throw ModelHubError.sourceNotFound(source: "file:\(source)", reason: "there is no such file or directory")
        }
        let total = status.isDirectory ? nil : status.sizeBytes
        var done = 0
        func advance(_ path: String) -> (Int) throws -> Void {
            { count in
                try cancellation.check()
                done += count
                reporter.report(
                    PullProgress(phase: .extracting, completedBytes: done, totalBytes: total, file: path))
            }
        }
        guard entry.files.isEmpty else {
            for file in entry.files {
                let path = try path(of: file, status)
                let revision = FileDigest.revision(of: entry.files)
                if try repository.keepIfRight(file, revision, rehash: rehash, cancellation) { continue }
                let writer = try copy(path, file.sha256, advanced: advance(file.path))
                try writer.commit(expecting: file, source: "file:\(source)")
            }
            return entry.files
        }
        let paths =
            status.isDirectory ? try allPaths(below: source, prefix: "") : [(source as NSString).lastPathComponent]
        guard !paths.isEmpty else {
            throw ModelHubError.sourceNotFound(source: "file:\(source)", reason: "there are no files in it")
        }
        return try paths.map { path in
            let writer = try copy(status.isDirectory ? source + "/" + path : source, nil, advanced: advance(path))
            let size = writer.sizeBytes
            return CatalogFile(
                role: path, path: path, sha256: try writer.commit(keepingRight: !rehash), sizeBytes: size)
        }
    }

    private func path(of file: CatalogFile, _ status: Disk.Status) throws -> String {
        let path = status.isDirectory ? source + "/" + file.path : source
        guard Disk.status(path)?.isRegularFile == true else {
            throw ModelHubError.sourceNotFound(source: "file:\(source)", reason: "there is no file \(file.path) in it")
        }
        return path
    }

    private func copy(_ path: String, _ sha256: String?, advanced: (Int) throws -> Void) throws -> BlobWriter {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            // The user's file, not the store's: no word about the store's permissions here.
            let reason = String(cString: strerror(errno))
            throw ModelHubError.io(path: path, operation: "read", reason: reason)
        }
        defer { close(descriptor) }
        let writer = try BlobWriter(repository, expecting: sha256)
        try FileDigest.readPieces(descriptor, path) { piece in
            try writer.write(piece)
            try advanced(piece.count)
        }
        return writer
    }

    /// The regular files below a directory, through links to files but not to directories, which may go round in
    /// circles. Hidden ones are left out: they are a version control's, or a download's, not the model's.
    private func allPaths(below directory: String, prefix: String) throws -> [String] {
        try Disk.names(in: directory).filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
            let path = directory + "/" + name
            guard let status = Disk.status(path) else { return [] }
            if status.isRegularFile { return [prefix + name] }
            guard status.isDirectory, Disk.linkTarget(path) == nil else { return [] }
            return try allPaths(below: path, prefix: prefix + name + "/")
        }
    }
}
