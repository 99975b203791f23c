/// What the program can be asked, as docs/command-line.md and docs/configuration.md promise it.
enum CommandList {
    private static let store = ["--json", "--catalog"]
    private static let compute = store + ["--threads", "--memory-budget", "--quantize", "--config"]

    /// The flags of each command, without those that all have (`--version`, `-h`, `--help`).
    static let flags: [String: [String]] = [
        "serve": compute + [
            "--host", "--port", "--models", "--api-key", "--api-keys-file", "--on-demand", "--on-demand-wait",
            "--cors-origins", "--downloads", "--stand-ins", "--check-interval", "--updates", "--update-interval",
            "--bandwidth-limit",
            "--concurrent-downloads", "--usage", "--loading-timeout", "--log-level", "--log-format",
            "--max-body-bytes", "--max-characters", "--max-texts", "--request-timeout", "--shutdown-timeout",
        ],
        "run": compute + [
            "--downloads", "--temperature", "--top-k", "--top-p", "--min-p", "--typical-p", "--repetition-penalty",
            "--presence-penalty", "--frequency-penalty", "--seed", "--max-tokens", "--min-tokens", "--ignore-eos",
            "--stop", "--logit-bias", "--json-schema", "--json-object", "--system", "--raw", "--chat", "--verbose",
        ],
        "translate": compute + ["--from", "--to", "--model", "--beam-size", "--format"],
        "detect": compute,
        "list": store + ["--installed"],
        "show": store,
        "pull": store + ["--revision", "--repair", "--jobs", "--name", "--include", "--sha256"],
        "verify": store + ["--repair"],
        "rm": store + ["--all-revisions"],
        "gc": store + ["--dry-run", "--quarantine"],
        "update": compute + ["--url", "--api-key", "--revision", "--check"],
        "rollback": compute + ["--url", "--api-key"],
        "pin": store + ["--release"],
        "usage": store + ["--days", "--model", "--by"],
        "ps": ["--json", "--url", "--api-key", "--timeout"],
        "health": ["--json", "--url", "--timeout", "--ready"],
        "bench translate": compute + [
            "--from", "--to", "--input", "--repetitions", "--singles", "--min-length", "--max-length", "--beam-size",
        ],
        "bench generate": compute + [
            "--downloads", "--prompt-tokens", "--decode-tokens", "--streams", "--repeat", "--repetitions",
        ],
        "bench tokens": compute + ["--load", "--source-tokens", "--target-tokens", "--repetitions"],
        "bench compare": store + [
            "--bergamot", "--llama", "--ctranslate2", "--nllb", "--aya", "--input", "--rounds", "--row", "--threads",
            "--timeout", "--markdown", "--svg",
        ],
        "bench growth": store + [
            "--checkpoint", "--model", "--series", "--threads", "--quick", "--timeout", "--markdown", "--svg",
        ],
        "bench soak": ["--json", "--minutes", "--share", "--rate", "--models", "--program"],
        "version": ["--json"],
        "selftest": [
            "--json", "--suite", "--model", "--task", "--max-size", "--case", "--quick", "--list", "--url", "--api-key",
            "--require-all", "--fail-fast", "--jobs", "--case-timeout", "--junit", "--markdown", "--keep-logs",
            "--baseline", "--record-baseline", "--baseline-page", "--known-bad", "--program",
        ],
    ]

    /// The commands that stand right after the program's name.
    static let commands = Set(flags.keys.map { $0.split(separator: " ").first.map(String.init) ?? $0 })

    /// What comes after a command so that its other arguments are whole, where it wants some.
    static func arguments(of command: String) -> [String] {
        switch command {
        case "run": ["no-such-model", "hello"]
        case "translate": ["--to", "pt", "hello"]
        case "show", "pull", "rm", "update", "rollback", "pin", "bench generate", "bench tokens": ["no-such-model"]
        case "bench translate": ["no-such-model", "--input", "no-such-file"]
        default: []
        }
    }
}

/// What the program says when it is asked for help.
struct HelpText {
    /// The names below SUBCOMMANDS.
    private(set) var commands: Set<String> = []
    /// The flags below OPTIONS, all spellings.
    private(set) var flags: Set<String> = []
    /// Commands and flags that have no words beside or below them.
    private(set) var silent: [String] = []

    init(_ text: String) {
        var section = ""
        var last = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let first = line.first, first.isUppercase, line.hasSuffix(":") || line.contains(": ") {
                section = String(line.prefix { $0 != ":" })
                continue
            }
            let indentation = line.prefix { $0 == " " }.count
            let words = line.split(separator: " ")
            guard indentation == 2, let name = words.first, section == "SUBCOMMANDS" || section == "OPTIONS" else {
                if indentation > 2, !words.isEmpty { silent.removeAll { $0 == last } }
                continue
            }
            guard name != "See" else { continue }
            last = String(name)
            let names = words.prefix { $0.hasPrefix("-") }.map { $0.filter { $0 != "," } }
            if section == "SUBCOMMANDS" { commands.insert(last) } else { flags.formUnion(names) }
            // `--flag <value>` and then words, or words in the lines below.
            let explained = words.dropFirst(max(1, names.count)).drop { $0.hasPrefix("<") || $0 == "..." }
            if explained.isEmpty { silent.append(last) }
        }
    }
}
