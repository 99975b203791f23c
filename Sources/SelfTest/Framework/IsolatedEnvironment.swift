internal import Foundation

/// The environment of the programs under test: the caller's without anything that would configure them, so that a run
/// says the same whoever starts it. What says where the models are stays.
package enum IsolatedEnvironment {
    /// Where the models are.
    private static let kept: Set<String> = ["SVC_HOME", "SVC_CATALOG"]
    /// Settings whose names do not begin as the others' do.
    private static let removed: Set<String> = [
        "API_KEY", "MODELS_TO_LOAD", "NLLB_MODEL", "AYA_MODEL", "MODEL_LOADING_TIMEOUT",
        "LOG_MODEL_LOADING_PROGRESS", "LOG_LEVEL", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
    ]
    /// Nothing is written to the history of use, and nothing is downloaded: a self-test only reads.
    private static let added = ["SVC_USAGE": "off", "SVC_DOWNLOADS": "off"]

    /// All variables, with changes; an empty value removes one.
    package static func variables(
        _ changes: [String: String] = [:], from inherited: [String: String] = ProcessInfo.processInfo.environment
    ) -> [String: String] {
        inherited.filter { name, _ in
            kept.contains(name) || !(name.hasPrefix("SVC_") || removed.contains(name))
        }
        .merging(added) { $1 }.merging(changes) { $1 }.filter { !$1.isEmpty }
    }
}
