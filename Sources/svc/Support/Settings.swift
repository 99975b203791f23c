import Configuration
import Foundation
import SystemPackage

/// The values of the environment and of the configuration file, read by name. A flag beats the environment, which
/// beats the file.
struct Settings: Sendable {
    private let environment: ConfigReader
    private let file: ConfigReader?

    /// The names that the file may hold: those of the flags of `svc serve`.
    private static let fileKeys: Set<String> = [
        "host", "port", "threads", "memory-budget", "models", "api-keys-file", "on-demand", "on-demand-wait",
        "downloads", "loading-timeout", "log-level", "log-format", "max-body-bytes", "max-characters", "max-texts",
        "request-timeout", "shutdown-timeout", "quantize", "stand-ins", "check-interval", "updates",
        "update-interval", "bandwidth-limit", "concurrent-downloads", "usage",
    ]

    /// Reads the file, if one is named.
    ///
    /// - Throws: `CommandFailure` naming the file and the key.
    init(file path: String?) async throws {
        environment = ConfigReader(provider: EnvironmentVariablesProvider())
        guard let path else {
            file = nil
            return
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(.usage, type: "usage", "--config \(path): the file cannot be read")
        }
        do {
            guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
                throw CommandFailure(.usage, type: "usage", "--config \(path): not a JSON object")
            }
            if let unknown = object.keys.sorted().first(where: { !Self.fileKeys.contains($0) }) {
                throw CommandFailure(
                    .usage, type: "usage",
                    "--config \(path): \(unknown) is not a setting; known: \(Self.fileKeys.sorted().joined(separator: ", "))"
                )
            }
            for (key, value) in object {
                let isList = key == "models" && (value as? [Any])?.allSatisfy { $0 is String } == true
                guard isList || value is String || value is NSNumber else {
                    let wanted = key == "models" ? "a list of strings" : "a text, a number, true or false"
                    throw CommandFailure(.usage, type: "usage", "--config \(path): \(key) is not \(wanted)")
                }
            }
            file = ConfigReader(provider: try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.usage, type: "usage", "--config \(path): \(error)")
        }
    }

    private func text(_ variable: String?, _ key: String?) -> String? {
        if let variable,
            let value = environment.string(
                forKey: ConfigKey(variable.lowercased().split(separator: "_").map(String.init))),
            !value.isEmpty
        {
            return value
        }
        guard let key, let file else { return nil }
        let name = ConfigKey([key])
        return file.string(forKey: name) ?? file.int(forKey: name).map { "\($0)" } ?? file.double(forKey: name).map {
            "\($0)"
        }
            ?? file.bool(forKey: name).map { $0 ? "on" : "off" }
    }

    /// A text from the flag, the variable or the file.
    func string(_ flag: String?, _ variable: String?, _ key: String?) -> String? { flag ?? text(variable, key) }

    /// A list, written with commas.
    func list(_ flag: [String], _ variable: String?, _ key: String) -> [String] {
        if !flag.isEmpty { return flag.flatMap(Self.split) }
        if let value = text(variable, nil) { return Self.split(value) }
        return file?.stringArray(forKey: ConfigKey([key])) ?? text(nil, key).map(Self.split) ?? []
    }

    private static func split(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    /// A value of a type with a spelling of its own.
    func value<Value>(
        _ flag: String?, _ variable: String?, _ key: String?, default fallback: Value, _ wanted: String,
        parse: (String) -> Value?
    ) throws -> Value {
        guard let text = string(flag, variable, key) else { return fallback }
        guard let value = parse(text) else {
            let names = [key.map { "--\($0)" }, variable].compactMap { $0 }.joined(separator: ", ")
            throw CommandFailure(.usage, type: "usage", "\(names): \(text) is not \(wanted)")
        }
        return value
    }

    /// A whole number in a range.
    func integer(
        _ flag: String?, _ variable: String?, _ key: String?, in range: ClosedRange<Int>, default fallback: Int
    ) throws -> Int {
        try value(
            flag, variable, key, default: fallback, "a whole number from \(range.lowerBound) to \(range.upperBound)"
        ) {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Seconds.
    func seconds(_ flag: String?, _ variable: String?, _ key: String?, default fallback: Double) throws -> Double {
        try value(flag, variable, key, default: fallback, "a number of seconds from 0.1 to 86400") {
            Double($0).flatMap { (0.1...86_400).contains($0) ? $0 : nil }
        }
    }

    /// Seconds, or 0 for never.
    func interval(_ flag: String?, _ variable: String?, _ key: String?, default fallback: Double) throws -> Double {
        try value(flag, variable, key, default: fallback, "0, or a number of seconds from 0.1 to 31536000") {
            Double($0).flatMap { $0 == 0 || (0.1...31_536_000).contains($0) ? $0 : nil }
        }
    }

    /// Stand-ins by the model that they stand in for, written `MODEL=STANDIN`, with `+` between several.
    static func standIns(_ texts: [String]) throws -> [String: [String]] {
        var standIns: [String: [String]] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let names = parts.count == 2 ? parts[1].split(separator: "+").map(String.init) : []
            guard let model = parts.first, !model.isEmpty, !names.isEmpty else {
                throw CommandFailure(
                    .usage, type: "usage", "--stand-ins, SVC_STAND_INS: \(text) is not MODEL=STANDIN or MODEL=ONE+TWO")
            }
            standIns[model, default: []] += names
        }
        return standIns
    }

    /// `on` or `off`, and what else people write for it.
    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "on", "true", "yes", "1": true
        case "off", "false", "no", "0": false
        default: nil
        }
    }

    /// Bytes: a number, or a number with K, M, G, T (powers of 1024), or a percentage of this machine's memory.
    static func bytes(_ text: String, total: Int) -> Int? {
        if text.hasSuffix("%"), let share = Double(text.dropLast()), (1...100).contains(share) {
            return Int(Double(total) * share / 100)
        }
        let units: [(String, Int)] = [("T", 40), ("G", 30), ("M", 20), ("K", 10)]
        var digits = text.uppercased()
        for ending in ["IB", "B"] where digits.hasSuffix(ending) { digits.removeLast(ending.count) }
        var shift = 0
        if let unit = units.first(where: { digits.hasSuffix($0.0) }) {
            digits.removeLast()
            shift = unit.1
        }
        guard let number = Double(digits), number > 0, number * pow(2, Double(shift)) < 1e18 else { return nil }
        return Int(number * pow(2, Double(shift)))
    }
}
