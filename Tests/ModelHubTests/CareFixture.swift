import Foundation
import TestSupport
import Testing

@testable import ModelHub

/// Damage, as disks and people do it.
enum CareFixture {
    /// Turns a bit around in the middle of a file, through links; with its time of change as before where wanted, so that
    /// only reading it can tell.
    static func flip(_ path: String, keepingTime: Bool = false) throws {
        let path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        var before = stat()
        try #require(stat(path, &before) == 0)
        let descriptor = open(path, O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var byte: UInt8 = 0
        let place = off_t(before.st_size / 2)
        try #require(pread(descriptor, &byte, 1, place) == 1)
        byte ^= 4
        try #require(pwrite(descriptor, &byte, 1, place) == 1)
        guard keepingTime else { return }
        var times = [before.st_atim, before.st_mtim]
        try #require(futimens(descriptor, &times) == 0)
    }

    /// Lets a file, or a link itself, look as if it had been changed so many days ago.
    static func age(_ path: String, days: Double) throws {
        let time = timespec(tv_sec: Int(Date.now.timeIntervalSince1970 - days * 86_400), tv_nsec: 0)
        try #require(utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW) == 0)
    }

    /// Writes a file and the directories that it needs.
    static func write(_ path: String, _ bytes: [UInt8]) throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    /// Everything below a directory that is no directory, but for locks.
    static func names(below directory: String) throws -> [String] {
        try Disk.files(below: directory).filter { !$0.contains("/.locks/") && !$0.hasSuffix(".lock") }
            .map { String($0.dropFirst(directory.count + 1)) }.sorted()
    }
}
