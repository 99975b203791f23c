// swift-tools-version:6.2
import PackageDescription

// The order of the targets is the direction of their dependencies: a target depends only on those
// above it. docs/architecture.md says what each holds and what it must not know.

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func library(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies, swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let httpTypes: Target.Dependency = .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

/// The commands whose `--json` has a schema in docs/json-schema, and what all of them share.
let jsonSchemas = [
    "bench-compare",
    "bench-generate",
    "bench-growth",
    "bench-soak",
    "bench-tokens",
    "bench-translate",
    "detect",
    "envelope",
    "error",
    "gc",
    "health",
    "list",
    "pin",
    "ps",
    "pull",
    "rm",
    "rollback",
    "run",
    "selftest",
    "serve",
    "show",
    "translate",
    "update",
    "usage",
    "verify",
    "version",
]

let package = Package(
    name: "svc",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "svc", targets: ["svc"]),
        // What Benchmarks/ measures. Nothing in these modules is public, so to anybody else this is empty.
        .library(
            name: "ServiceModules",
            targets: ["Compute", "Checkpoints", "Tokenizers", "LanguageID", "ModelHub", "SelfTest"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CKernels"),
        library("Compute", ["CKernels", "COpenBLAS"]),
        library("Checkpoints", ["CZlib"]),
        library("Tokenizers", ["Checkpoints"]),
        library("Architectures", ["Compute", "Checkpoints", "Tokenizers", yams]),
        library("Generation", ["Compute", "Checkpoints", "Tokenizers", "Architectures"]),
        library("LanguageID", ["Checkpoints"]),
        library(
            "ModelHub", ["CCurl", "Checkpoints", crypto, grdb, histogram, subprocess],
            resources: [.embedInCode("Resources/catalog.json")]
        ),
        library(
            "Engine",
            [
                "Compute", "Checkpoints", "Tokenizers", "Architectures", "Generation", "LanguageID", "ModelHub", crypto,
                logging,
            ]),
        library(
            "HTTPService",
            [
                "Compute", "Engine", "Generation", "LanguageID", "ModelHub", "Tokenizers", hummingbird, lifecycle,
                logging, metrics, httpTypes, nioCore, nioHTTP1, nioPosix, nioWebSocket, unixSignals,
            ],
            resources: [.embedInCode("Resources/openapi.json")]),
        library(
            "SelfTest", ["CCurl", crypto, subprocess, systemPackage],
            resources: [.embedInCode("Resources/known-answers.json")]
                + jsonSchemas.map { .embedInCode("Resources/json-schema/\($0).json") }),
        .executableTarget(
            name: "svc",
            dependencies: [
                "Architectures", "Checkpoints", "Compute", "Tokenizers", "Generation", "LanguageID", "Engine",
                "HTTPService", "ModelHub", "SelfTest", argumentParser, configuration, logging, systemPackage,
            ], swiftSettings: strict),

        .target(
            name: "TestSupport", dependencies: ["Compute", "ModelHub", "SelfTest", "TileEmulator", systemPackage],
            path: "Tests/TestSupport",
            swiftSettings: strict),
        .target(name: "TileEmulator", path: "Tests/TileEmulator"),
        tests("Compute", ["TileEmulator"]),
        tests("Checkpoints", []),
        tests("Tokenizers", ["Checkpoints"]),
        tests("Architectures", ["Compute", "Checkpoints"]),
        tests("Generation", ["Architectures", "Compute", "Checkpoints", "Tokenizers"]),
        tests("LanguageID", ["Checkpoints"]),
        tests("ModelHub", []),
        tests("Engine", ["Generation", "ModelHub", "Tokenizers"]),
        tests("SelfTest", []),
        tests("HTTPService", ["Engine", "Generation", "ModelHub", "SelfTest", "Tokenizers", logging]),
        .testTarget(
            name: "svcTests", dependencies: ["svc", "SelfTest", "TestSupport", systemPackage], swiftSettings: strict),
    ]
)
