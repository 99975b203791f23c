import Foundation

/// File operations that the store is built from, with errors that name the path and what was tried.
/// Foundation's own lose the error number and cannot synchronise a directory.
enum Disk {
    /// What is known of a file without reading it.
    struct Status: Equatable {
        var isRegularFile: Bool
        var isDirectory: Bool
        var sizeBytes: Int
        var modifiedNanoseconds: Int64
        var inode: UInt64
    }

    /// The error for what `errno` says of a failed operation.
    static func failure(_ operation: String, _ path: String) -> ModelHubError {
        let code = errno
        let reason = String(cString: strerror(code))
        switch code {
        case EACCES, EPERM, EROFS:
            return .storeNotWritable(path: path, operation: operation, reason: reason)
        case ENOSPC, EDQUOT:
            return .diskFull(path: path, operation: operation)
        default:
            return .io(path: path, operation: operation, reason: reason)
        }
    }

    /// The status of what `path` leads to, or nil if there is nothing.
    static func status(_ path: String) -> Status? {
        var buffer = stat()
        guard stat(path, &buffer) == 0 else { return nil }
        return Status(buffer)
    }

    /// The status of an open file.
    static func status(ofDescriptor descriptor: Int32, path: String) throws -> Status {
        var buffer = stat()
        guard fstat(descriptor, &buffer) == 0 else { throw failure("stat", path) }
        return Status(buffer)
    }

    /// The target of a symbolic link, or nil if `path` is not one.
    static func linkTarget(_ path: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    }

    /// The names in a directory, sorted; none if there is no such directory.
    static func names(in directory: String) throws -> [String] {
        guard let stream = opendir(directory) else {
            if errno == ENOENT { return [] }
            throw failure("list", directory)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let item = readdir(stream) {
            let name = withUnsafePointer(to: &item.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes a directory and those above it that are missing, and waits until the new names are on the disk: a name in
    /// a directory that is lost is lost with it.
    static func makeDirectory(_ path: String) throws {
        let parent = (path as NSString).deletingLastPathComponent
        if mkdir(path, 0o777) == 0 { return try synchronizeDirectory(parent.isEmpty ? "." : parent) }
        if errno == ENOENT {
            guard !parent.isEmpty, parent != path else { throw failure("make the directory", path) }
            try makeDirectory(parent)
            if mkdir(path, 0o777) == 0 { return try synchronizeDirectory(parent) }
        }
        guard errno == EEXIST else { throw failure("make the directory", path) }
        guard status(path)?.isDirectory == true else {
            throw ModelHubError.io(
                path: path, operation: "make the directory", reason: "there is a file of that name")
        }
    }

    /// Waits until the names in a directory are on the disk.
    static func synchronizeDirectory(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        // Some network file systems cannot do this for directories and say so with EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure("synchronise", path) }
    }

    /// Puts `source` in the place of `target` in one step.
    static func move(_ source: String, to target: String) throws {
        guard rename(source, target) == 0 else { throw failure("put in place", target) }
    }

    /// Removes a file or link; fine if there is none.
    static func removeFile(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    /// Removes a directory if nothing is in it, and says whether it did.
    @discardableResult
    static func removeDirectoryIfEmpty(_ path: String) -> Bool { rmdir(path) == 0 }

    /// Removes a file, or a directory with all that is in it; fine if there is none.
    static func removeTree(_ path: String) throws {
        if linkTarget(path) == nil, status(path)?.isDirectory == true {
            for name in try names(in: path) { try removeTree(path + "/" + name) }
            guard rmdir(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
        } else {
            try removeFile(path)
        }
    }

    /// The sizes of all regular files below a directory, in bytes. What vanishes meanwhile counts as nothing.
    static func sizeOfTree(_ directory: String) -> Int {
        guard let names = try? names(in: directory) else { return 0 }
        return names.reduce(0) { total, name in
            let path = directory + "/" + name
            guard linkTarget(path) == nil, let status = status(path) else { return total }
            return total + (status.isDirectory ? sizeOfTree(path) : status.sizeBytes)
        }
    }

    /// The bytes of a small file, or nil if there is none.
    static func smallFile(_ path: String, limitBytes: Int) throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure("read", path)
        }
        defer { close(descriptor) }
        guard try status(ofDescriptor: descriptor, path: path).isRegularFile else {
            throw ModelHubError.io(path: path, operation: "read", reason: "not a regular file")
        }
        return try [UInt8](unsafeUninitializedCapacity: limitBytes + 1) { buffer, count in
            while count < buffer.count {
                let rest = UnsafeMutableBufferPointer(rebasing: buffer[count...])
                let got = read(descriptor, rest.baseAddress, rest.count)
                if got < 0, errno == EINTR { continue }
                guard got >= 0 else { throw failure("read", path) }
                if got == 0 { break }
                count += got
            }
            guard count <= limitBytes else {
                throw ModelHubError.io(path: path, operation: "read", reason: "longer than \(limitBytes) bytes")
            }
        }
    }

    /// Writes all of `bytes`.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure("write", path) }
            rest = rest.dropFirst(written)
        }
    }

    /// Writes a small new file and waits until it is on the disk.
    static func writeFile(_ bytes: [UInt8], to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure("write", path) }
        defer { close(descriptor) }
        try bytes.withUnsafeBytes { try write($0, to: descriptor, path: path) }
        guard fsync(descriptor) == 0 else { throw failure("synchronise", path) }
    }

    /// The bytes that this user can still write on the file system of `path`, or nil if it does not say.
    static func freeBytes(_ path: String) -> Int? {
        var buffer = statvfs()
        guard statvfs(path, &buffer) == 0 else { return nil }
        let (bytes, overflow) = Int(buffer.f_bavail).multipliedReportingOverflow(by: Int(buffer.f_frsize))
        return overflow ? nil : bytes
    }

    /// A name part that no other process or call uses.
    static func uniqueSuffix() -> String {
        "\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    }
}

extension Disk.Status {
    init(_ buffer: stat) {
        #if canImport(Darwin)
            let modified = buffer.st_mtimespec
        #else
            let modified = buffer.st_mtim
        #endif
        self.init(
            isRegularFile: buffer.st_mode & S_IFMT == S_IFREG, isDirectory: buffer.st_mode & S_IFMT == S_IFDIR,
            sizeBytes: Int(buffer.st_size),
            modifiedNanoseconds: Int64(modified.tv_sec) * 1_000_000_000 + Int64(modified.tv_nsec),
            inode: UInt64(buffer.st_ino))
    }
}
