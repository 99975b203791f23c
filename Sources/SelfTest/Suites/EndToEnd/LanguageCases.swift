/// `GET /languages`.
enum LanguageCases {
    static var cases: [TestCase] { [shape, matchesModels] }

    private static let shape = TestCase.onService(
        "languages.shape", "a menu of languages without names, or with one twice", quick: true
    ) { context, client in
        let exchange = try await client.ask("GET", "/languages")
        let languages = try exchange.json().array()
        var codes: Set<String> = []
        for language in languages {
            let code = try language.string("code")
            try exchange.expect(codes.insert(code).inserted, "code \(code): expected once, found twice")
            try exchange.expect(try !language.string("name").isEmpty, "name of \(code): expected one, found none")
            try exchange.equal(try language.keys(), ["code", "name", "targets"], "keys of \(code)")
            let targets = try language.strings("targets")
            try exchange.expect(
                targets.contains(code), "targets of \(code): expected itself among them, found \(targets)")
            try exchange.equal(Set(targets).count, targets.count, "targets of \(code) that differ")
        }
        for language in languages {
            for target in try language.strings("targets") {
                try exchange.expect(
                    codes.contains(target), "target \(target): expected it to be listed, found it is not")
            }
        }
    }

    private static let matchesModels = TestCase.onModels(
        .translation, "languages.of_model", "a pair that a model translates and the menu does not have", quick: true
    ) { context, client, model in
        let exchange = try await client.ask("GET", "/languages")
        var targets: [String: Set<String>] = [:]
        for language in try exchange.json().array() {
            targets[try language.string("code")] = Set(try language.strings("targets"))
        }
        for source in model.sourceLanguages {
            let missing = model.targetLanguages.filter { targets[source]?.contains($0) != true }
            try exchange.expect(
                missing.isEmpty,
                "targets of \(source): expected those of \(model.name), found none for \(missing.prefix(8).joined(separator: ", "))"
            )
        }
    }
}
