/// A job as the events tell of it.
extension DownloadStatus {
    /// The fields of an event about it.
    var eventFields: [String: ServiceEvent.Value] {
        var fields: [String: ServiceEvent.Value] = [
            "id": .text(id), "purpose": .text(purpose.rawValue), "state": .text(state.rawValue),
            "priority": .text(priority.rawValue), "completed_bytes": .integer(completedBytes),
        ]
        if let revision { fields["revision"] = .text(revision) }
        if let phase { fields["phase"] = .text(phase.rawValue) }
        if let totalBytes { fields["total_bytes"] = .integer(totalBytes) }
        if bytesPerSecond > 0 { fields["bytes_per_second"] = .number(bytesPerSecond) }
        if let secondsLeft { fields["seconds_left"] = .number(secondsLeft) }
        if let failure {
            fields["category"] = .text(failure.category.name)
            fields["message"] = .text(failure.message)
        }
        return fields
    }
}

extension ModelHubError.Category {
    /// As events and answers name it.
    package var name: String {
        switch self {
        case .notFound: "not_found"
        case .network: "network"
        case .permission: "permission"
        case .integrity: "integrity"
        case .other: "other"
        }
    }
}
