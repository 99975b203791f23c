package import Foundation

/// Something that goes wrong at the stand-in hub, as it does between real machines.
package enum StandInFault: Sendable {
    /// The connection is torn down with a reset.
    case reset
    /// The connection is closed in good order; within a body that is a truncation.
    case close
    /// Nothing more is sent for so long; then it goes on as if nothing had been.
    case stall(seconds: Double)
    /// The connection is reset and new ones are refused for so long, as while a server restarts.
    case refuse(seconds: Double)
    /// Another status, with these headers beside the usual ones. `message` is in X-Error-Message and in the body.
    case status(Int, headers: [String: String] = [:], message: String = "something is wrong here")
    /// So many bytes from the phase's place on are inverted.
    case wrongBytes(count: Int = 1)
    /// The answer claims, and has, so many more bytes (or, when negative, fewer) than were due.
    case wrongLength(by: Int)
    /// The answer has another entity tag, as if the file had been replaced meanwhile.
    case changedETag
    /// From here on no more than so many bytes arrive in a second, in this answer.
    case drip(bytesPerSecond: Int)
    /// A request for a range is answered with 200 and the whole file.
    case ignoredRange
    /// The length is not told: the body comes in chunks.
    case unknownLength
    /// The answer is no HTTP.
    case garbage
    /// The answer sends the client elsewhere (302).
    case redirect(to: String)

    /// 429 with the seconds to wait.
    package static func tooManyRequests(retryAfterSeconds: Int) -> StandInFault {
        .status(429, headers: ["Retry-After": "\(retryAfterSeconds)"], message: "too many requests")
    }

    /// 503 with the time to come back, as an HTTP date.
    package static func unavailable(until date: Date) -> StandInFault {
        .status(503, headers: ["Retry-After": httpDate(date)], message: "overloaded")
    }

    /// 503 with the time to come back, so many seconds from now, as an HTTP date.
    package static func unavailable(forSeconds seconds: Double) -> StandInFault {
        .unavailable(until: Date(timeIntervalSinceNow: seconds))
    }
}

/// When a fault strikes.
package enum StandInPhase: Sendable, Hashable {
    /// When a connection has been made, before anything is read from it. Rules for a path do not match here.
    case connect
    /// When a request has been read, before anything is answered. Here belong other statuses and wrong headers too.
    case headers
    /// When all bytes of the file before this one have been sent, if the answer has this byte. A range that begins
    /// later is not touched.
    case body(afterBytes: Int)
    /// Before the last byte of the file.
    case lastByte
}

/// The stand-in hub's two addresses.
package enum StandInHost: Sendable, Hashable, CaseIterable {
    /// The API, and the addresses at which files are resolved.
    case hub
    /// The content delivery network, to which large files are redirected.
    case cdn
}

/// A fault that waits for its moment.
struct StandInRule {
    var fault: StandInFault
    var phase: StandInPhase
    var path: String?
    var host: StandInHost?
    var method: String?
    var skipping: Int
    var times: Int?
    var share: Double
    var random: UInt64

    /// Whether it applies to a request; `path` is the file's in its repository, or the target's.
    func matches(_ host: StandInHost, _ method: String?, _ path: String?) -> Bool {
        guard times != 0, self.host == nil || self.host == host else { return false }
        if let wanted = self.method, wanted != method { return false }
        guard let wanted = self.path else { return true }
        return path == wanted || path?.hasSuffix("/" + wanted) == true
    }

    /// Whether it strikes this time, which counts.
    mutating func strikes() -> Bool {
        if skipping > 0 {
            skipping -= 1
            return false
        }
        if share < 1 {
            // xorshift64: the same faults in every run of a test.
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            guard Double(random >> 11) * 0x1p-53 < share else { return false }
        }
        if let left = times { times = left - 1 }
        return true
    }
}

/// A date as HTTP writes it (RFC 9110, section 5.6.7).
func httpDate(_ date: Date) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return formatter.string(from: date)
}
