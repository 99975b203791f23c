/// How fast the service is on this machine, and what it takes: figures that are held against those that were recorded
/// on such a machine before.
package enum PerformanceSuite {
    /// All cases, in the order in which they are run.
    package static var cases: [TestCase] {
        [
            PerformanceCase.testCase(
                "translate.latency", "a translation that takes longer than it did, alone",
                on: [.translation], Latency.request),
            PerformanceCase.testCase(
                "detect.latency", "a detection that takes longer than it did, alone",
                on: [.languageIdentification], Latency.request),
            PerformanceCase.testCase(
                "embed.latency", "an embedding that takes longer than it did, alone",
                on: [.embedding], Latency.request),
            PerformanceCase.testCase(
                "generate.latency", "a first token that comes late, and tokens that come slowly",
                on: [.generation], Latency.generation),
            PerformanceCase.testCase(
                "translate.throughput", "fewer translations a second with 1, 5, 20 and 50 clients",
                on: [.translation], Throughput.requests),
            PerformanceCase.testCase(
                "generate.throughput", "fewer tokens a second with 1, 5, 20 and 50 clients",
                on: [.generation], Throughput.generation),
            PerformanceCase.testCase(
                "resources.profile", "memory and processor time that grow from version to version",
                on: Set(ModelTask.allCases), ResourceProfile.measure),
            PerformanceCase.testCase(
                "load.time", "a model that takes longer to load", on: Set(ModelTask.allCases),
                isDestructive: true, LoadingTime.measure),
        ]
    }
}
