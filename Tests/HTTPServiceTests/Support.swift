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

/// A connection without a protocol, for clients that do not behave.
struct RawConnection {
    let descriptor: Int32

    private struct NotConnected: Error {}

    init(to url: String) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(url.split(separator: ":").last.flatMap { UInt16($0) } ?? 0).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let descriptor = descriptor
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw NotConnected() }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }

    func close() { _ = Foundation.close(descriptor) }
}
