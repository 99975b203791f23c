package import Foundation

/// A program that takes the place of another and does one thing wrong: a script of the shell that in all other ways
/// becomes the program itself, with its process id, its descriptors and its signals. The services that it starts may
/// be put behind faulty proxies.
package final class FaultyProgram: Sendable {
    /// The path of the script.
    package let path: String
    private let directory: URL
    private let proxies: [FaultyProxy]

    /// The most services that can be put behind proxies.
    private static let slots = 8

    /// A program with one fault.
    ///
    /// - Parameters:
    ///   - program: the path of the real one.
    ///   - fault: what is wrong.
    ///   - directory: where the script is written.
    /// - Throws: if that cannot be written to.
    package convenience init(_ program: String, _ fault: ProgramFault, in directory: URL) throws {
        let steps = "if \(fault.condition); then\necho >> \"$strikes\"\n\(fault.script)\nexit $?\nfi\n"
        try self.init(program, steps, proxies: [], in: directory)
    }

    /// A program whose services have faults: each logs the address of a proxy as its own.
    ///
    /// - Parameters:
    ///   - program: the path of the real one.
    ///   - faults: what is wrong about its services.
    ///   - condition: which services are meant, as in `ProgramFault`.
    ///   - directory: where the script is written.
    package convenience init(
        _ program: String, services faults: [ProxyFault], when condition: String = "true", in directory: URL
    ) throws {
        let proxies = try (0..<Self.slots).map { slot in
            let file = directory.appendingPathComponent("slot-\(slot)/port")
            return try FaultyProxy(faults) {
                (try? String(contentsOf: file, encoding: .utf8)).map { "http://127.0.0.1:\($0)" }
            }
        }
        for (slot, proxy) in proxies.enumerated() {
            try Data(proxy.url.utf8).write(to: directory.appendingPathComponent("proxy-\(slot)"))
        }
        let steps = """
            if [ "$1" = serve ] && { \(condition); }; then
                slot=0
                until mkdir "$here/slot-$slot" 2>/dev/null; do slot=$((slot + 1)); [ $slot -lt \(Self.slots) ] || exit 1; done
                proxy=$(cat "$here/proxy-$slot")
                mkfifo "$here/slot-$slot/log"
                (
                    trap '' TERM INT
                    while IFS= read -r line; do
                        case $line in *http://127.0.0.1:*)
                            rest=${line#*http://127.0.0.1:}
                            port=${rest%%[!0-9]*}
                            printf '%s' "$port" > "$here/slot-$slot/new" && mv "$here/slot-$slot/new" "$here/slot-$slot/port"
                            line=${line%%http://127.0.0.1:*}$proxy${rest#"$port"} ;;
                        esac
                        printf '%s\\n' "$line" >&2
                    done < "$here/slot-$slot/log"
                ) > /dev/null &
                exec "$svc" "$@" 2> "$here/slot-$slot/log"
            fi

            """
        try self.init(program, steps, proxies: proxies, in: directory)
    }

    private init(_ program: String, _ steps: String, proxies: [FaultyProxy], in directory: URL) throws {
        self.directory = directory
        self.proxies = proxies
        let script = directory.appendingPathComponent("svc")
        path = script.path
        let text = """
            #!/bin/sh
            svc=\(ProgramFault.quoted(program))
            here=\(ProgramFault.quoted(directory.path))
            strikes=$here/strikes
            \(steps)exec "$svc" "$@"

            """
        try Programs.write(executable: text, to: path)
    }

    /// How often the fault struck: commands that were run wrongly, or requests to services.
    package var strikes: Int {
        let runs = (try? Data(contentsOf: directory.appendingPathComponent("strikes")).count) ?? 0
        return runs + proxies.reduce(0) { $0 + $1.strikes }
    }

    /// Every request to the services that passed the proxies.
    package var requests: [String] { proxies.flatMap(\.requests) }

    /// Stops the proxies.
    package func stop() { for proxy in proxies { proxy.stop() } }
}
