import Foundation
import SelfTest
import TestSupport

/// A JSON value as tests look at it.
struct JSON {
    let value: Any?

    init(_ answer: ServiceClient.Answer) {
        value = try? JSONSerialization.jsonObject(with: Data(answer.body), options: .fragmentsAllowed)
    }
    init(value: Any?) { self.value = value }

    subscript(key: String) -> JSON { JSON(value: (value as? [String: Any])?[key]) }
    subscript(index: Int) -> JSON {
        guard let array = value as? [Any], array.indices.contains(index) else { return JSON(value: nil) }
        return JSON(value: array[index])
    }

    var string: String? { value as? String }
    var number: Double? { (value as? NSNumber)?.doubleValue }
    var array: [JSON] { (value as? [Any] ?? []).map { JSON(value: $0) } }
    var keys: Set<String> { Set((value as? [String: Any] ?? [:]).keys) }
    var exists: Bool { value != nil && !(value is NSNull) }
}

extension ServiceClient {
    func json(_ path: String, _ body: String) async throws -> (status: Int, json: JSON) {
        let answer = try await post(path, json: body)
        return (answer.status, JSON(answer))
    }

    func json(_ path: String) async throws -> (status: Int, json: JSON) {
        let answer = try await request("GET", path)
        return (answer.status, JSON(answer))
    }
}
