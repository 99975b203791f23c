import SelfTest
import TestSupport

/// Faults of translations, detections and vectors.
enum AnswerFaults {
    private static let translate = ProxyFault.path("/translate")
    private static let detect = ProxyFault.path("/detect")
    private static let embeddings = ProxyFault.path("/v1/embeddings")

    static let all: [PlantedFault] = [
        PlantedFault(
            "a detector always says English",
            .inFront([
                ProxyFault(
                    "English", on: detect,
                    answer: { answer, _ in
                        answer.text.replace(#/"language":"[a-z]+"/#, with: #""language":"en""#)
                    })
            ]),
            caughtBy: .endToEnd, "detect.languages", on: "lid-176", says: "language of", #"expected "pt", found "en""#),
        PlantedFault(
            "detections come out of order",
            .inFront([ProxyFault("order", on: detect, answer: { answer, _ in answer.editAnyJSON(reversed) })]),
            caughtBy: .endToEnd, "detect.batch_order", on: "lid-176", says: "in the order of the texts"),
        PlantedFault(
            "confidences of another vocabulary",
            .inFront([
                ProxyFault(
                    "0 to 1", on: { $0.path == "/detect" && $0.text.contains("\"q\"") },
                    request: { $0.text = $0.text.replacing("\"q\"", with: "\"text\"") },
                    answer: { answer, _ in
                        answer.editAnyJSON { value in
                            (value as? [Any]).map { $0.map { [percentLess($0)] } } ?? [percentLess(value)]
                        }
                    })
            ]),
            caughtBy: .endToEnd, "detect.vocabularies", on: "lid-176", says: "confidence", "of 100"),
        PlantedFault(
            "the languages of a translation change places",
            .inFront([
                ProxyFault(
                    "direction", on: translate,
                    request: { request in
                        request.editJSON { fields in
                            (fields["source_lang"], fields["target_lang"]) = (
                                fields["target_lang"], fields["source_lang"]
                            )
                            fields["model"] = nil
                        }
                    })
            ]),
            caughtBy: .endToEnd, "translate.direction", on: "firefox-en-pt",
            says: "language of the translation from en to pt", #"expected "pt", found "en""#),
        PlantedFault(
            "an array is answered out of order",
            .inFront([
                ProxyFault(
                    "order", on: translate,
                    answer: { answer, _ in
                        answer.editJSON { $0["translations"] = reversed($0["translations"] ?? []) }
                    })
            ]),
            caughtBy: .endToEnd, "translate.batch_order", on: "firefox-en-pt", says: "translation 1, which is copied"),
        PlantedFault(
            "a text of an array is left out",
            .inFront([
                ProxyFault(
                    "one less", on: translate,
                    answer: { answer, _ in
                        answer.editJSON { body in
                            guard let all = body["translations"] as? [Any], all.count > 1 else { return }
                            body["translations"] = Array(all.dropLast())
                        }
                    })
            ]),
            caughtBy: .endToEnd, "translate.batch_order", on: "firefox-en-pt", says: "translations",
            "expected 15, found 14"),
        PlantedFault(
            "an array is translated otherwise than each text alone",
            .inFront([
                ProxyFault(
                    "in an array", on: translate,
                    answer: { answer, _ in
                        answer.editJSON { body in
                            guard var all = body["translations"] as? [[String: Any]], all.count > 1 else { return }
                            all[1]["text"] = "\(all[1]["text"] as? String ?? "")."
                            body["translations"] = all
                        }
                    })
            ]),
            caughtBy: .parity, "translate.batch", on: "firefox-en-pt", says: "in an array = alone",
            "differ from character"),
        PlantedFault(
            "an answer goes to another client",
            .inFront([
                ProxyFault(
                    "the answer to somebody else", on: translate,
                    request: { $0.text = $0.text.replacing("7003", with: "7004") })
            ]),
            caughtBy: .endToEnd, "translate.many_clients", on: "firefox-en-pt", says: "this client's own numbers",
            "7003"),
        PlantedFault(
            "lines run together",
            .inFront([
                ProxyFault(
                    "one line", on: translate,
                    answer: { answer, _ in answer.text = answer.text.replacing(#"\n"#, with: " ") })
            ]),
            caughtBy: .endToEnd, "translate.white_space", on: "firefox-en-pt", says: "white space"),
        PlantedFault(
            "control characters are dropped in silence",
            .inFront([
                ProxyFault(
                    "dropped", on: translate,
                    request: { request in request.text.replace(#/\\u00[0-7][0-9A-Fa-f]/#, with: "") })
            ]),
            caughtBy: .endToEnd, "translate.control_characters", says: "status: expected 400, found 200"),
        PlantedFault(
            "vectors that belong to other texts",
            .inFront([
                ProxyFault(
                    "order", on: embeddings,
                    answer: { answer, _ in
                        answer.editJSON { body in
                            guard var data = body["data"] as? [[String: Any]], data.count > 1 else { return }
                            (data[0]["embedding"], data[1]["embedding"]) = (data[1]["embedding"], data[0]["embedding"])
                            body["data"] = data
                        }
                    })
            ]),
            caughtBy: .endToEnd, "embeddings.order", on: "all-minilm-l6-v2", says: "vector 0", "expected a cosine of 1"),
        PlantedFault(
            "a kernel is off by one row",
            .inFrontOfItsOwn([rowOff(embeddings)], when: #"[ "$SVC_CPU_ISA" != portable ]"#),
            caughtBy: .parity, "instruction_sets", on: "all-minilm-l6-v2", says: "within 1e-05 of portable"),
    ]

    /// One number of each answer is off.
    private static func rowOff(_ meant: @escaping @Sendable (ProxyRequest) -> Bool) -> ProxyFault {
        ProxyFault(
            "a row", on: meant,
            answer: { answer, _ in
                answer.editJSON { body in
                    guard var data = body["data"] as? [[String: Any]],
                        var vector = data.first?["embedding"] as? [Double],
                        vector.count > 7
                    else { return }
                    vector[7] += 0.001
                    data[0]["embedding"] = vector
                    body["data"] = data
                }
            })
    }

    private static func reversed(_ value: Any) -> Any { (value as? [Any]).map { Array($0.reversed()) } ?? value }

    /// A detection of LibreTranslate's, with the wrong scale.
    private static func percentLess(_ detection: Any) -> [String: Any] {
        let fields = detection as? [String: Any] ?? [:]
        return ["language": fields["language"] ?? "", "confidence": fields["confidence"] ?? 0]
    }
}
