internal import Foundation

/// What the stand-in hub answers where nothing goes wrong: as huggingface.co does, so that its own client cannot tell
/// the difference.
struct StandInRoutes {
    let state: StandInState

    /// What a target means.
    enum Route {
        case information(id: String, revision: String)
        case tree(id: String, revision: String)
        case resolve(id: String, revision: String, path: String)
        case cached(id: String, commit: String, path: String)
        case object(id: String, sha256: String)
        case unknown
    }

    static func route(_ request: StandInRequest) -> Route {
        // Decoded after it is split: a revision may have an encoded slash.
        let target = request.target.prefix { $0 != "?" }
        let parts = target.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
        func id(_ index: Int) -> String { parts[index] + "/" + parts[index + 1] }
        func rest(_ index: Int) -> String { parts[index...].joined(separator: "/") }
        switch request.host {
        case .cdn:
            return parts.count == 4 && parts[0] == "repos" ? .object(id: id(1), sha256: parts[3]) : .unknown
        case .hub where parts.count >= 4 && parts.starts(with: ["api", "models"]):
            if parts.count == 4 { return .information(id: id(2), revision: "main") }
            if parts.count == 6, parts[4] == "revision" { return .information(id: id(2), revision: parts[5]) }
            if parts.count == 6, parts[4] == "tree" { return .tree(id: id(2), revision: parts[5]) }
            return .unknown
        case .hub where parts.count >= 7 && parts.starts(with: ["api", "resolve-cache", "models"]):
            return .cached(id: id(3), commit: parts[5], path: rest(6))
        case .hub where parts.count >= 5 && parts[2] == "resolve":
            return .resolve(id: id(0), revision: parts[3], path: rest(4))
        case .hub:
            return .unknown
        }
    }

    /// The repository and the file that a request is about, where they can be told.
    func subject(_ route: Route) -> (repository: String?, file: String?) {
        switch route {
        case .information(let id, _), .tree(let id, _): return (id, nil)
        case .resolve(let id, _, let path), .cached(let id, _, let path): return (id, path)
        case .object(let id, let sha256): return (id, object(id, sha256)?.path)
        case .unknown: return (nil, nil)
        }
    }

    func answer(_ route: Route, _ request: StandInRequest) -> StandInAnswer {
        guard request.method == "GET" || request.method == "HEAD" else {
            return .error(405, "Method Not Allowed", headers: [("Allow", "GET, HEAD")])
        }
        switch route {
        case .information(let id, let revision):
            return withRepository(id, request, wantsFile: false) { information($0, revision, request) }
        case .tree(let id, let revision):
            return withRepository(id, request, wantsFile: false) { tree($0, revision, request) }
        case .resolve(let id, let revision, let path):
            return withRepository(id, request, wantsFile: true) { resolve($0, revision, path, request) }
        case .cached(let id, let commit, let path):
            return withRepository(id, request, wantsFile: true) { repository in
                guard let file = repository.file(path, revision: commit) else {
                    return .error(404, code: "EntryNotFound", "Entry not found")
                }
                return smallFile(file, commit, request)
            }
        case .object(let id, let sha256):
            return object(id, sha256, request)
        case .unknown:
            return .error(404, "Sorry, we can't find the page you are looking for.")
        }
    }

    /// Refuses what this client may not see; a private repository looks like one that is missing.
    private func withRepository(
        _ id: String, _ request: StandInRequest, wantsFile: Bool, _ body: (StandInRepository) -> StandInAnswer
    ) -> StandInAnswer {
        let (repository, isKnown, gatesListings) = state.with { values in
            let known = values.repositories.values.reduce(values.tokens) { $0.union($1.authorizedTokens) }
            return (values.repositories[id], request.token.map(known.contains) ?? true, values.gatesListings)
        }
        guard isKnown else { return .error(401, "Invalid credentials in Authorization header") }
        let isAuthorized = request.token.map { repository?.authorizedTokens.contains($0) == true } ?? false
        guard let repository, !repository.isPrivate || isAuthorized else {
            if request.token != nil { return .error(404, code: "RepoNotFound", "Repository not found") }
            let challenge = #"Bearer realm="Authentication required", charset="UTF-8""#
            return .error(401, "Invalid username or password.", headers: [("WWW-Authenticate", challenge)])
        }
        if repository.isGated, wantsFile || gatesListings, !isAuthorized {
            let restricted = "Access to model \(id) is restricted"
            if request.token == nil {
                return .error(
                    401, code: "GatedRepo",
                    "\(restricted). You must have access to it and be authenticated to access it. Please log in.")
            }
            let url = state.with { $0.urls[.hub] ?? "" } + "/" + id
            return .error(
                403, code: "GatedRepo",
                "\(restricted) and you are not in the authorized list. Visit \(url) to ask for access.")
        }
        return body(repository)
    }

    private func resolve(
        _ repository: StandInRepository, _ revision: String, _ path: String, _ request: StandInRequest
    ) -> StandInAnswer {
        guard let commit = repository.commit(of: revision) else { return Self.noRevision(revision) }
        guard let file = repository.file(path, revision: commit) else {
            return .error(404, code: "EntryNotFound", "Entry not found", headers: [("X-Repo-Commit", commit)])
        }
        let redirects = state.with { $0.redirectsSmallFiles }
        guard file.isLFS || redirects else { return smallFile(file, commit, request) }
        let etag = request.isETagChanged ? String(file.etag.reversed()) : file.etag
        var headers = [
            ("X-Repo-Commit", commit), ("X-Linked-Size", "\(file.sizeBytes)"), ("X-Linked-ETag", "\"\(etag)\""),
            ("ETag", "\"\(etag)\""), ("Accept-Ranges", "bytes"),
        ]
        if file.isLFS {
            headers.append(("Location", state.link(to: file, of: repository)))
            return StandInAnswer(status: 302, headers: headers, body: .bytes(Array("Found".utf8)))
        }
        let encoded = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
        headers.append(
            (
                "Location",
                "/api/resolve-cache/models/\(repository.id)/\(commit)/\(encoded)?etag=%22\(etag)%22"
            ))
        return StandInAnswer(status: 307, headers: headers, body: .bytes(Array("Temporary Redirect".utf8)))
    }

    private func smallFile(_ file: StandInFile, _ commit: String, _ request: StandInRequest) -> StandInAnswer {
        let etag = request.isETagChanged ? String(file.etag.reversed()) : file.etag
        return .file(file, etag: etag, request, headers: [("X-Repo-Commit", commit)])
    }

    private func object(_ id: String, _ sha256: String, _ request: StandInRequest) -> StandInAnswer {
        // As the Hub's storage does: a link is signed already.
        guard request.headers["authorization"] == nil else {
            return .error(400, "Only one auth mechanism allowed")
        }
        guard let expires = request.parameter("Expires").flatMap(Int.init), let file = object(id, sha256),
            request.parameter("Signature") == state.signature("/repos/\(id)/\(sha256)", expires)
        else { return .error(403, "Access Denied") }
        // A storage's own tag, which is no SHA-256.
        let etag = (request.isETagChanged ? String(sha256.reversed()) : sha256).prefix(32) + "-1"
        return .file(file, etag: String(etag), request, headers: [])
    }

    private func object(_ id: String, _ sha256: String) -> StandInFile? {
        let repository = state.with { $0.repositories[id] }
        return repository?.commits.values.lazy.joined().first { $0.isLFS && $0.sha256 == sha256 }
    }

    static func noRevision(_ revision: String) -> StandInAnswer {
        .error(404, code: "RevisionNotFound", "Invalid rev id: \(revision)")
    }
}
