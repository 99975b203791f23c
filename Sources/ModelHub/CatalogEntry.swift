import Checkpoints

/// A file of a model, as the catalogue lists it.
package struct CatalogFile: Hashable, Sendable {
    /// What the file is for: `model`, `vocabulary`, `shortlist`, `config`… Unique within an entry.
    package let role: String
    /// Its path inside the source, with `/` between components. Of a file that is put together, the path that it
    /// gets in the store.
    package let path: String
    /// The SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    package let sha256: String
    /// Its size in bytes.
    package let sizeBytes: Int
    /// What the file is put together from, one after the other; empty where the source has it in one piece. Only
    /// the files of a `pip:` source can have parts.
    package let parts: [CatalogPart]

    /// Creates a listing of a file.
    package init(role: String, path: String, sha256: String, sizeBytes: Int, parts: [CatalogPart] = []) {
        self.role = role
        self.path = path
        self.sha256 = sha256
        self.sizeBytes = sizeBytes
        self.parts = parts
    }
}

/// A model that can be pulled by name.
package struct CatalogEntry: Hashable, Sendable {
    /// What a model does.
    package enum Task: String, Decodable, CaseIterable, Hashable, Sendable {
        case translation
        case languageIdentification = "language-identification"
        case generation
        case embedding
    }

    /// The languages of a model, as BCP 47 tags except for `detect`.
    package struct Languages: Hashable, Sendable {
        /// What a translation model reads.
        package var source: [String] = []
        /// What a translation model writes.
        package var target: [String] = []
        /// What a language identifier can answer: its labels as they are in the model.
        package var detect: [String] = []

        /// Creates lists of languages.
        package init(source: [String] = [], target: [String] = [], detect: [String] = []) {
            self.source = source
            self.target = target
            self.detect = detect
        }
    }

    /// The name that commands and requests use.
    package var name: String
    /// What the model does.
    package var task: Task
    /// The architecture family that reads it: `bergamot`, `fasttext`, `llama`…
    package var family: String
    /// One line for people.
    package var summary: String
    /// Where its files come from.
    package var source: ModelSource
    /// Its files. Only `file:` and `hf:` sources may leave this empty, which means every file there.
    package var files: [CatalogFile]
    /// The size of what is downloaded, in bytes; the files may be smaller or larger.
    package var downloadBytes: Int
    /// The SPDX identifier of the weights' licence, or its name.
    package var licence: String
    /// Its languages; empty where languages say nothing about the model.
    package var languages: Languages
    /// How many weights it has.
    package var parameters: Int
    /// The format of its weights: `marian-int8`, `fasttext-ftz`, `gguf-q4_k_m`…
    package var format: String
    /// An estimate of the memory it takes once loaded, in bytes.
    package var memoryBytes: Int
    /// How a chat model is asked to translate, with the places `{source}`, `{target}` and `{text}`; nil for a model that is
    /// not asked to.
    package var translationPrompt: String?
    /// Papers and pages about it.
    package var references: [String]
    /// The models that answer while this one cannot, best first; empty where the nearest is looked for.
    package var standIns: [String] = []
    /// Which files of an `hf:` repository belong to the model, as patterns of paths (`*.json`, `onnx/*`); empty where the
    /// rule of docs/models.md tells.
    package var include: [String] = []
    /// A question whose answer is known; nil where none was recorded.
    package var canary: CatalogCanary?

    /// Creates an entry that is in no catalogue, for a source named by the user.
    package init(
        name: String, task: Task, family: String, summary: String = "", source: ModelSource, files: [CatalogFile] = [],
        downloadBytes: Int = 0, licence: String = "", languages: Languages = Languages(), parameters: Int = 0,
        format: String = "", memoryBytes: Int = 0, translationPrompt: String? = nil, references: [String] = []
    ) {
        self.name = name
        self.task = task
        self.family = family
        self.summary = summary
        self.source = source
        self.files = files
        self.downloadBytes = downloadBytes
        self.licence = licence
        self.languages = languages
        self.parameters = parameters
        self.format = format
        self.memoryBytes = memoryBytes
        self.translationPrompt = translationPrompt
        self.references = references
    }
}

extension CatalogFile: Decodable {
    private enum Key: String, CodingKey {
        case role, path, sha256, parts
        case sizeBytes = "size_bytes"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        role = try values.text(.role)
        path = try values.relativePath(.path)
        sha256 = try values.sha256(.sha256)
        sizeBytes = try values.count(.sizeBytes)
        guard values.contains(.parts) else {
            parts = []
            return
        }
        parts = try values.decode([CatalogPart].self, forKey: .parts)
        guard !parts.isEmpty else { throw values.error(.parts, "is empty; a file in one piece has no such key") }
        guard Set(parts.map { "\($0.source) \($0.path)" }).count == parts.count else {
            throw values.error(.parts, "has one part twice")
        }
        let together = parts.reduce(0) { sum, part in
            let (next, overflow) = sum.addingReportingOverflow(part.sizeBytes)
            return overflow ? .max : next
        }
        guard together == sizeBytes else {
            throw values.error(.sizeBytes, "is \(sizeBytes), and its parts have \(together) together")
        }
    }
}

extension CatalogEntry.Languages: Decodable {
    private enum Key: String, CodingKey { case source, target, detect }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        source = try values.decodeIfPresent([String].self, forKey: .source) ?? []
        target = try values.decodeIfPresent([String].self, forKey: .target) ?? []
        detect = try values.decodeIfPresent([String].self, forKey: .detect) ?? []
    }
}

extension CatalogEntry: Decodable {
    private enum Key: String, CodingKey {
        case name, task, family, summary, source, files, licence, languages, parameters, format, references
        case downloadBytes = "download_bytes"
        case memoryBytes = "memory_bytes"
        case translationPrompt = "translation_prompt"
        case standIns = "stand_ins"
        case include, canary
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        name = try values.text(.name)
        guard name.isIdentifier(allowing: "._-") else {
            throw values.error(
                .name, "may have letters, digits, '.', '_' and '-', and begins and ends with neither sign")
        }
        let taskName = try values.text(.task)
        guard let task = Task(rawValue: taskName) else {
            let known = Task.allCases.map(\.rawValue).joined(separator: ", ")
            throw values.error(.task, "is \(taskName); known are \(known)")
        }
        self.task = task
        family = try values.text(.family)
        summary = try values.text(.summary)
        source = try values.source(.source)
        files = try values.decode([CatalogFile].self, forKey: .files)
        switch source {
        // What such a source has, it has: a directory's files, or a revision's.
        case .file, .huggingFace: break
        case .pip: if files.isEmpty { throw values.error(.files, "is empty") }
        case .https: if files.count != 1 { throw values.error(.files, "must list the one file at the address") }
        }
        for (key, names) in [("role", files.map(\.role)), ("path", files.map(\.path))] {
            if Set(names).count < names.count { throw values.error(.files, "has one \(key) twice") }
        }
        if case .pip = source {
        } else if let index = files.firstIndex(where: { !$0.parts.isEmpty }) {
            throw values.error(
                .files, "\(files[index].path) has parts, which needs a pip: source of the model, not \(source)")
        }
        downloadBytes = try values.count(.downloadBytes)
        licence = try values.text(.licence)
        languages = try values.decodeIfPresent(Languages.self, forKey: .languages) ?? Languages()
        if task == .translation, languages.source.isEmpty || languages.target.isEmpty {
            throw values.error(.languages, "must list source and target for a translation model")
        }
        translationPrompt = try values.decodeIfPresent(String.self, forKey: .translationPrompt)
        if let translationPrompt {
            guard task == .generation else { throw values.error(.translationPrompt, "is for generation models") }
            guard !languages.source.isEmpty, !languages.target.isEmpty else {
                throw values.error(.languages, "must list source and target for a model that is asked to translate")
            }
            for place in ["{target}", "{text}"] where !translationPrompt.contains(place) {
                throw values.error(.translationPrompt, "has no \(place)")
            }
        }
        parameters = try values.count(.parameters)
        format = try values.text(.format)
        memoryBytes = try values.count(.memoryBytes)
        references = try values.decodeIfPresent([String].self, forKey: .references) ?? []
        standIns = try values.decodeIfPresent([String].self, forKey: .standIns) ?? []
        if standIns.contains(name) { throw values.error(.standIns, "names the model itself") }
        include = try values.decodeIfPresent([String].self, forKey: .include) ?? []
        if !include.isEmpty {
            guard case .huggingFace = source else { throw values.error(.include, "is for hf: sources, not \(source)") }
        }
        canary = try values.decodeIfPresent(CatalogCanary.self, forKey: .canary)
    }
}

extension KeyedDecodingContainer {
    func text(_ key: Key) throws -> String {
        let value = try decode(String.self, forKey: key)
        guard !value.isEmpty else { throw error(key, "is empty") }
        return value
    }

    func relativePath(_ key: Key) throws -> String {
        let path = try text(key)
        if let objection = RelativePath.objection(to: path) { throw error(key, "\(path) \(objection)") }
        return path
    }

    func sha256(_ key: Key) throws -> String {
        let digest = try text(key)
        guard digest.isSHA256 else { throw error(key, "is not 64 lower-case hexadecimal digits") }
        return digest
    }

    func source(_ key: Key) throws -> ModelSource {
        do {
            return try ModelSource(parsing: try text(key))
        } catch let reason as ModelHubError {
            throw error(key, "is wrong: \(reason)")
        }
    }

    func count(_ key: Key) throws -> Int {
        // As Int, a fraction would be an error that does not say where it is.
        let value = try decode(Double.self, forKey: key)
        guard value >= 0, value <= 0x1p53, value == value.rounded() else { throw error(key, "is no whole number") }
        return Int(value)
    }

    func error(_ key: Key, _ reason: String) -> DecodingError {
        .dataCorruptedError(forKey: key, in: self, debugDescription: reason)
    }
}

extension String {
    /// Whether this is a SHA-256 as files are named by it.
    var isSHA256: Bool { utf8.count == 64 && isLowercaseHexadecimal }

    /// Whether this is a SHA-1 as git names objects by it.
    var isGitDigest: Bool { utf8.count == 40 && isLowercaseHexadecimal }

    /// Whether every byte is a digit or one of a to f.
    var isLowercaseHexadecimal: Bool {
        utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
