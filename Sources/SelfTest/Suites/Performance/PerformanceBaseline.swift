internal import Foundation

/// What was measured before, by kind of machine: a JSON file that people may read and edit.
package struct PerformanceBaseline: Sendable, Equatable, Codable {
    /// A figure that was recorded.
    package struct Entry: Sendable, Equatable, Codable {
        /// The number.
        package var value: Double
        /// Its unit.
        package var unit: Figure.Unit
        /// Which way is better.
        package var better: Figure.Better
        /// How much worse it may be, as a share: in place of what holds for all. Kept where it is recorded anew.
        package var tolerance: Double?
    }

    /// What a case has recorded for a model, and how the machine was meanwhile.
    package struct Record: Sendable, Equatable, Codable {
        /// The time of the reference loop, in milliseconds.
        package var referenceMs: Double
        /// The share of the processors that other programs left free.
        package var freeShare: Double
        /// The figures, by name.
        package var figures: [String: Entry]

        private enum CodingKeys: String, CodingKey {
            case figures
            case referenceMs = "reference_ms"
            case freeShare = "free_share"
        }
    }

    /// What was recorded on one kind of machine.
    package struct Machine: Sendable, Equatable, Codable {
        /// The kind.
        package var machine: MachineType
        /// When it was last recorded, UTC.
        package var recordedAt: String
        /// The version of the program.
        package var version: String
        /// How much worse a figure may be, as a share, unless it says so itself.
        package var tolerance: Double
        /// What was recorded, by model and case.
        package var models: [String: [String: Record]]

        private enum CodingKeys: String, CodingKey {
            case machine, version, tolerance, models
            case recordedAt = "recorded_at"
        }
    }

    /// A baseline that cannot be used.
    package enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// The file is there, and is no baseline.
        case unreadable(path: String, reason: String)
        /// The file cannot be written.
        case unwritable(path: String, reason: String)

        package var description: String {
            switch self {
            case .unreadable(let path, let reason):
                "\(path) is no performance baseline: \(reason); remove it, or name another with --baseline"
            case .unwritable(let path, let reason): "\(path): the performance baseline cannot be written: \(reason)"
            }
        }
    }

    /// How much worse a figure may be where nothing else is said.
    package static let defaultTolerance = 0.25
    private static let format = 1

    /// The version of the file's format.
    private var format = Self.format
    /// What is known of each kind of machine.
    package var machines: [Machine]

    private enum CodingKeys: String, CodingKey { case format, machines }

    /// A baseline of nothing.
    package init(machines: [Machine] = []) { self.machines = machines }

    /// Reads a file; nil where there is none.
    ///
    /// - Throws: `Failure.unreadable`.
    package init?(path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch DecodingError.keyNotFound(let key, let context) {
            let place = (context.codingPath + [key]).map(\.stringValue).joined(separator: ".")
            throw Failure.unreadable(path: path, reason: "\(place) is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context) {
            let place = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw Failure.unreadable(
                path: path, reason: place.isEmpty ? "it is not JSON" : "\(place): \(context.debugDescription)")
        } catch {
            throw Failure.unreadable(path: path, reason: "\(error)")
        }
        guard format == Self.format else {
            throw Failure.unreadable(path: path, reason: "its format is \(format), and \(Self.format) is known")
        }
        for machine in machines where !machine.tolerance.isFinite || machine.tolerance < 0 {
            throw Failure.unreadable(path: path, reason: "the tolerance \(machine.tolerance) is negative")
        }
    }

    /// What is known of a kind of machine.
    package func machine(_ type: MachineType) -> Machine? { machines.first { $0.machine == type } }

    /// Notes what was measured. Figures of other cases, models and machines stay as they are, and so do tolerances.
    package mutating func record(
        _ measured: MeasuredFigures, model: String, case name: String, machine type: MachineType, version: String,
        at time: String
    ) {
        let index: Int
        if let known = machines.firstIndex(where: { $0.machine == type }) {
            index = known
        } else {
            index = machines.count
            machines.append(
                Machine(
                    machine: type, recordedAt: time, version: version, tolerance: Self.defaultTolerance, models: [:]))
        }
        machines[index].recordedAt = time
        machines[index].version = version
        func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }
        let before = machines[index].models[model]?[name]?.figures ?? [:]
        var record = Record(
            referenceMs: rounded(measured.referenceMs), freeShare: rounded(measured.freeShare), figures: [:])
        for figure in measured.figures {
            record.figures[figure.name] = Entry(
                value: rounded(figure.value), unit: figure.unit, better: figure.better,
                tolerance: before[figure.name]?.tolerance ?? figure.tolerance)
        }
        machines[index].models[model, default: [:]][name] = record
    }

    /// Writes the file, whole or not at all.
    ///
    /// - Throws: `Failure.unwritable`.
    package func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            let url = URL(fileURLWithPath: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try (encoder.encode(self) + Data("\n".utf8)).write(to: url, options: .atomic)
        } catch {
            throw Failure.unwritable(path: path, reason: (error as NSError).localizedDescription)
        }
    }
}
