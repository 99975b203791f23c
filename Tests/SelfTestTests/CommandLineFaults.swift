import SelfTest
import TestSupport

/// Faults of the command line.
enum CommandLineFaults {
    private static let model = "smollm2-135m-instruct"
    private static let line = "2026-11-21T13:02:36Z info model state model=lid-176 state=loading\n"

    private static func command(_ name: String) -> String { #"[ "$1" = \#(name) ]"# }

    static let all: [PlantedFault] = [
        PlantedFault(
            "a wrong exit code", .inTheProgram(.exitCode(1, insteadOf: 3)),
            caughtBy: .commandLine, "exit.not_found", says: "expected exit code 3, found 1"),
        PlantedFault(
            "a failure that looks like success", .inTheProgram(.exitCode(0, insteadOf: 6)),
            caughtBy: .commandLine, "exit.integrity", says: "expected exit code 6, found 0"),
        PlantedFault(
            "JSON with a log line in it", .inTheProgram(.before(line, when: ProgramFault.has("--json"))),
            caughtBy: .commandLine, "json.texts", says: "svc detect --json: expected one line with one object",
            "info model state"),
        PlantedFault(
            "JSON without a key that programs read",
            .inTheProgram(
                .through(
                    #"sed 's/"confidence":[0-9.]*,//'"#, when: "\(command("detect")) && \(ProgramFault.has("--json"))")),
            caughtBy: .commandLine, "json.texts", says: "docs/json-schema/detect.json", "confidence"),
        PlantedFault(
            "an error of the wrong type",
            .inTheProgram(.through("sed s/model_not_found/failed/", when: command("show"))),
            caughtBy: .commandLine, "json.errors", says: "error.type of svc show", "model_not_found"),
        PlantedFault(
            "a colour code in a pipe", .inTheProgram(.before("\u{1B}[1m", when: command("list"))),
            caughtBy: .commandLine, "plain.pipe", says: "svc list into a pipe", "an escape sequence"),
        PlantedFault(
            "a stop token on standard output", .inTheProgram(.after("<|im_end|>", when: command("run"))),
            caughtBy: .commandLine, "plain.end_tokens", on: model, says: "expected no control token", "<|im_end|>"),
        PlantedFault(
            "something is added to an answer in a pipe",
            .inTheProgram(.after("\n", when: "\(command("run")) && ! { \(ProgramFault.has("--json")); }")),
            caughtBy: .commandLine, "run.output", on: model, says: "svc run = svc run --json"),
        PlantedFault(
            "lines come out in another order", .inTheProgram(.through("sort", when: command("translate"))),
            caughtBy: .commandLine, "pipe.order", says: "lines", "together = alone"),
        PlantedFault(
            "svc translate answers otherwise than the service",
            .inTheProgram(.through("sed 's/às nove/as nove/'", when: command("translate"))),
            caughtBy: .parity, "translate.command", on: "firefox-en-pt", says: "svc translate = POST /translate",
            "differ from character"),
    ]
}
