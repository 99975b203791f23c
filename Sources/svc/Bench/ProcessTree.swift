import Foundation

/// The processes below one that we started: a script that has to be ended leaves what it started behind otherwise.
enum ProcessTree {
    /// A process. The time of its start tells it from a later one that got the same number.
    struct Member: Hashable, Sendable {
        var pid: Int32
        var startTicks: UInt64
    }

    /// What a process has started and what those have, as far as the system tells: nothing where there is no /proc.
    static func members(below root: Int32) -> [Member] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [Int32: [Member]] = [:]
        for pid in names.compactMap({ Int32($0) }) {
            guard let (parent, member) = look(pid) else { continue }
            children[parent, default: []].append(member)
        }
        var (found, open) = ([Member](), [root])
        while let parent = open.popLast() {
            let members = children[parent] ?? []
            found += members
            open += members.map(\.pid)
        }
        return found
    }

    /// Sends a signal to those that still run.
    static func send(_ signal: Int32, to members: [Member]) {
        for member in members where look(member.pid)?.member == member { kill(member.pid, signal) }
    }

    private static func look(_ pid: Int32) -> (parent: Int32, member: Member)? {
        guard let file = FileHandle(forReadingAtPath: "/proc/\(pid)/stat") else { return nil }
        defer { try? file.close() }
        guard let data = try? file.readToEnd() else { return nil }
        // The program's name, in parentheses, may hold spaces: the parent is the second word after it, the start the 20th.
        let text = String(decoding: data, as: UTF8.self)
        guard let parenthesis = text.lastIndex(of: ")") else { return nil }
        let words = text[parenthesis...].split(separator: " ")
        guard words.count > 20, let parent = Int32(words[2]), let start = UInt64(words[20]) else { return nil }
        return (parent, Member(pid: pid, startTicks: start))
    }
}
