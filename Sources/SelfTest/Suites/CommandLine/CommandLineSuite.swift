/// The cases of the suite `cli`: what scripts and people rely on at the command line.
package enum CommandLineSuite {
    /// All of them, in the order in which they are run.
    package static var cases: [TestCase] {
        HelpCases.cases + UsageErrorCases.cases + JSONCases.cases + ExitCodeCases.cases + PipeCases.cases
            + RunCases.cases
    }
}
