/// The cases of the suite `parity`: there are many ways to an answer, and all of them have to give the same one.
package enum ParitySuite {
    /// All of them, in the order in which they are run.
    package static var cases: [TestCase] {
        KnownAnswerParity.cases + GenerationParity.cases + GenerationLoadParity.cases + StopTokenParity.cases
            + GenerationProcessParity.cases + TranslationParity.cases + DetectionParity.cases + EmbeddingParity.cases
            + InstructionSetParity.cases
    }
}
