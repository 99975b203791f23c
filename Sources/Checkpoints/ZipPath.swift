/// Rules for names that become paths below a directory of ours: whoever wrote an archive or a catalogue must not
/// be able to say where on the disk a file goes.
package enum RelativePath {
    /// Why `path` cannot be a path below some directory, or nil if it can: it must have `/` between
    /// components, none of which is empty, `.` or `..`, and neither backslashes nor control characters.
    package static func objection(to path: String) -> String? {
        if path.isEmpty { return "is empty" }
        if path.utf8.count > 1024 { return "is longer than 1,024 bytes" }
        if path.utf8.first == UInt8(ascii: "/") { return "is absolute" }
        if path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f || $0 == UInt8(ascii: "\\") }) {
            return "has a backslash or a control character"
        }
        let components = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if components.contains(where: { $0.isEmpty }) { return "has an empty component" }
        if components.contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }) {
            return "has a component . or .."
        }
        return nil
    }
}

extension ZipArchive {
    /// The path to extract `entry` to, relative to a directory of the caller's.
    ///
    /// - Throws: `CheckpointError.invalid` if the name is absolute, climbs out with `..`, or is no path.
    package func relativePath(of entry: Entry) throws -> String {
        if let objection = RelativePath.objection(to: entry.name) {
            throw invalid(entry, "cannot be extracted: its name \(objection)")
        }
        return entry.name
    }
}
