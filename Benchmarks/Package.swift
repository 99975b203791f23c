// swift-tools-version:6.2
import PackageDescription

// A package of its own, so that what measures is never resolved or built with what is measured. README.md says why the
// modules of the main package can be imported here.

/// The name under which the main package's modules are compiled: SwiftPM takes it from the directory.
let mainPackage: String = {
    let directories = Context.packageDirectory.split(separator: "/")
    let name = directories.dropLast().last.map { $0.lowercased() } ?? "svc"
    let letters = name.unicodeScalars.map { scalar -> Character in
        let isWord = ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) || scalar.value > 127
        return isWord ? Character(scalar) : "_"
    }
    return (letters.first.map { $0.isNumber } ?? false ? "_" : "") + String(letters)
}()

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
// In the place of the name of this package.
let amongTheModules = strict + [.unsafeFlags(["-package-name", mainPackage])]

let benchmark: Target.Dependency = .product(name: "Benchmark", package: "benchmark")
let benchmarkPlugin: Target.PluginUsage = .plugin(name: "BenchmarkPlugin", package: "benchmark")
let modules: Target.Dependency = .product(name: "ServiceModules", package: "svc")

let package = Package(
    name: "svc-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "svc", path: ".."),
        // Its counts of allocations need a library that the program does not run with.
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    ],
    targets: [
        .target(name: "CPeak"),
        .target(
            name: "BenchmarkSupport", dependencies: [modules], packageAccess: false, swiftSettings: amongTheModules),
        .executableTarget(
            name: "Operations", dependencies: ["BenchmarkSupport", "CPeak", benchmark, modules], path: "Operations",
            packageAccess: false, swiftSettings: amongTheModules, plugins: [benchmarkPlugin]),
        .executableTarget(
            name: "Routes", dependencies: ["BenchmarkSupport", benchmark, modules], path: "Routes",
            packageAccess: false, swiftSettings: amongTheModules, plugins: [benchmarkPlugin]),
        .executableTarget(
            name: "HelloWorld", dependencies: [.product(name: "Hummingbird", package: "hummingbird")],
            swiftSettings: strict),
        .executableTarget(
            name: "RequestRates", dependencies: ["BenchmarkSupport", modules], exclude: ["detect.lua"],
            packageAccess: false,
            swiftSettings: amongTheModules),
    ]
)
