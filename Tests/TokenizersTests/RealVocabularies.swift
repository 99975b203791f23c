import TestSupport

/// Where the vocabulary of a real model lies: `enpt` or `pten`.
func realVocabularyPath(_ name: String) throws -> String {
    try InstalledModels.file("vocabulary", of: name == "enpt" ? "firefox-en-pt" : "firefox-pt-en")
}
