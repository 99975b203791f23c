internal import Benchmark
internal import BenchmarkSupport
internal import Checkpoints
internal import Foundation
internal import Tokenizers

/// What is read before there is anything to compute: model files, and the bodies of requests.
enum FileOperations {
    static var operations: [Operation] {
        [open("SmolLM2", "smollm2-135m-instruct"), open("Gemma", "gemma-3-270m")].compactMap(\.self)
            + [chat(turns: 1), chat(turns: 100)]
    }

    /// The file's head is read, with its vocabulary; the tensors stay where they are. Nil where the model is not here.
    private static func open(_ label: String, _ model: String) -> Operation? {
        guard let path = try? InstalledFile.path("model", of: model), let head = try? headBytes(path) else {
            return nil
        }
        return Operation("GGUF opening, \(label)", Work(bytes: head)) {
            { _ in
                do { blackHole(try GGUFCheckpoint(path: path)) } catch { preconditionFailure("\(path): \(error)") }
            }
        }
    }

    private static func headBytes(_ path: String) throws -> Int {
        let checkpoint = try GGUFCheckpoint(path: path)
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        return checkpoint.tensors.values.reduce(size) { $0 - $1.bytes.count }
    }

    private static func chat(turns: Int) -> Operation {
        let body = Self.body(turns: turns)
        return Operation(
            "JSON of a chat request, \(turns) messages, \(body.utf8.count) bytes", Work(bytes: body.utf8.count),
            runs: turns == 1 ? 100 : 1
        ) {
            { _ in
                do { blackHole(try TemplateValue(json: body)) } catch { preconditionFailure("\(error)") }
            }
        }
    }

    private static func body(turns: Int) -> String {
        let messages = (0..<turns).map { turn in
            #"{"role":"\#(turn.isMultiple(of: 2) ? "user" : "assistant")","content":"#
                + #""Where does the \"river\" end?\nIt ends in the sea, café and all. \#(turn)"}"#
        }
        return #"{"model":"smollm2-135m-instruct","messages":["# + messages.joined(separator: ",")
            + #"],"temperature":0.7,"top_p":0.9,"max_tokens":64,"stream":true,"stop":["\n\n","END"]}"#
    }
}
