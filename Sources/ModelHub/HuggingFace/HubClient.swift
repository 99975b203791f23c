import Foundation

/// Asks the Hugging Face Hub: which commit a revision is, which files it has, and where their bytes are.
struct HubClient: Sendable {
    private static let listingLimitBytes = 64 << 20
    private static let messageLimitBytes = 64 << 10
    /// How many questions are asked at once.
    static let concurrency = 8

    let endpoint: HubEndpoint
    let transfers: TransferClient

    /// The commit that a revision is, and all its files.
    ///
    /// - Throws: `ModelHubError`.
    func listing(_ repository: HubRepositoryName, _ revision: String) async throws -> HubListing {
        let source = repository.source(revision)
        let response = try await send(
            endpoint.information(repository, revision, files: true), .get, limitBytes: Self.listingLimitBytes, source)
        guard response.status == 200 else { throw failure(response, repository, revision) }
        return try HubListing(json: response.body, source: source)
    }

    /// The commit that a revision is at the moment.
    ///
    /// - Throws: `ModelHubError`.
    func commit(_ repository: HubRepositoryName, _ revision: String) async throws -> String {
        let source = repository.source(revision)
        let response = try await send(
            endpoint.information(repository, revision, files: false), .get, limitBytes: Self.listingLimitBytes, source)
        guard response.status == 200 else { throw failure(response, repository, revision) }
        return try HubListing(json: response.body, source: source).commit
    }

    /// Asks what a file of a commit is: its size and the digest that it is named by. What the listing said already has
    /// to agree.
    ///
    /// - Throws: `ModelHubError`, also where the Hub says nothing that the bytes could be checked with.
    func resolve(_ file: HubFile, of repository: HubRepositoryName, _ commit: String) async throws -> HubFile {
        let source = repository.source(commit)
        // A repository that has another name by now is a redirect within the Hub. One that leaves it, to where the
        // bytes are, is the answer: it says what they are.
        let response = try await send(
            endpoint.file(file.path, of: repository, commit), .head, limitBytes: Self.messageLimitBytes,
            staysAtOrigin: true, source)
        guard (200..<400).contains(response.status) else {
            throw failure(response, repository, commit, file: file.path)
        }
        // The first answer that says it: the Hub's own, before any redirect of its.
        let headers = (response.redirects.map(\.headers) + [response.headers])
        func header(_ name: String) -> String? { headers.lazy.compactMap { $0[name] }.first }
        if let found = header("x-repo-commit"), found != commit {
            throw ModelHubError.unexpectedContent(source: source, file: file.path, expected: commit, found: found)
        }
        let isRedirect = response.status >= 300
        return try merged(
            file,
            sizeBytes: (header("x-linked-size") ?? (isRedirect ? nil : response.headers["content-length"]))
                .flatMap { Int($0) },
            digest: (header("x-linked-etag") ?? (isRedirect ? nil : response.headers["etag"])).flatMap(Self.digest),
            source)
    }

    private func merged(_ file: HubFile, sizeBytes: Int?, digest: String?, _ source: String) throws -> HubFile {
        var merged = file
        func agree<Value: Equatable>(_ told: Value?, _ known: Value?) throws -> Value? {
            if let told, let known, told != known {
                throw ModelHubError.unexpectedContent(
                    source: source, file: file.path, expected: "\(known)", found: "\(told)")
            }
            return told ?? known
        }
        merged.sizeBytes = try agree(sizeBytes, file.sizeBytes)
        merged.digest = try agree(digest, file.digest)
        guard merged.digest != nil, merged.sizeBytes ?? -1 >= 0 else {
            throw ModelHubError.damagedDownload(
                source: "\(source): \(file.path)", reason: "it comes without a size, or a digest to check it with")
        }
        return merged
    }

    /// What an entity tag says of the bytes: a SHA-256 or git's SHA-1 within quotes, weak or not.
    static func digest(_ tag: String) -> String? {
        var text = Substring(tag.trimmingCharacters(in: .whitespaces))
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        let digest = text.trimmingCharacters(in: ["\""])
        return digest.isSHA256 || digest.isGitDigest ? digest : nil
    }

    private func send(
        _ address: String, _ method: TransferRequest.Method, limitBytes: Int, staysAtOrigin: Bool = false,
        _ source: String
    ) async throws -> TransferResponse {
        try endpoint.checkOnline(source)
        do {
            return try await transfers.send(
                TransferRequest(
                    url: address, method: method, credential: endpoint.credential, limitBytes: limitBytes,
                    staysAtOrigin: staysAtOrigin))
        } catch let error as TransferError {
            throw error.modelHubError(source: source)
        }
    }
}

extension HubClient {
    /// What a failed transfer of a file means.
    func failure(
        _ error: TransferError, _ repository: HubRepositoryName, _ commit: String, file: String
    ) -> ModelHubError {
        guard let status = error.status, status < 500 else {
            return error.modelHubError(source: "\(repository.source(commit)): \(file)")
        }
        return failure(
            status: status, code: error.errorCode, message: error.errorMessage,
            retryAfter: error.retryAfterSeconds.map { String(Int($0.rounded(.up))) }, repository, commit, file: file)
    }

    /// What an answer means that is not what was asked for. The Hub says it in `X-Error-Code`; the status alone does
    /// not tell a missing repository from a private one.
    func failure(
        _ response: TransferResponse, _ repository: HubRepositoryName, _ revision: String, file: String? = nil
    ) -> ModelHubError {
        failure(
            status: response.status, code: response.headers["x-error-code"],
            message: response.headers["x-error-message"], retryAfter: response.headers["retry-after"], repository,
            revision, file: file)
    }

    /// - Parameters:
    ///   - code: `X-Error-Code`, where there is one.
    ///   - message: `X-Error-Message`, likewise.
    func failure(
        status: Int, code: String?, message: String?, retryAfter: String?, _ repository: HubRepositoryName,
        _ revision: String, file: String? = nil
    ) -> ModelHubError {
        let source = repository.source(revision)
        let page = endpoint.page(repository)
        let reason = message.map { String($0.prefix(200)) }
        switch (status, code) {
        case (_, "GatedRepo"): return .gated(source: source, page: page, hasToken: endpoint.hasToken)
        case (_, "RevisionNotFound"): return .revisionNotFound(source: "\(repository)", revision: revision)
        case (_, "EntryNotFound"): return .entryNotFound(source: source, file: file ?? "of that name")
        case (404, "RepoNotFound"): return .repositoryNotFound(source: source, page: page)
        case (401, _), (403, _), (_, "RepoNotFound"):
            return .unauthorised(source: source, page: page, hasToken: endpoint.hasToken, reason: reason)
        case (404, _):
            return .sourceNotFound(source: source, reason: reason ?? "\(endpoint.address) does not know it (HTTP 404)")
        case (429, _): return .rateLimited(source: source, retryAfterSeconds: retryAfter.flatMap { Int($0) })
        default:
            return .network(
                source: source, reason: "\(endpoint.address) answered HTTP \(status)\(reason.map { ": \($0)" } ?? "")")
        }
    }
}
