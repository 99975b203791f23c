/// What the HTTP side is told at its start.
package struct ServiceConfiguration: Sendable {
    /// The address to listen on.
    package var host = "127.0.0.1"
    /// The port; 0 for any free one.
    package var port = 8080
    /// Keys that clients must send one of; none for an open service.
    package var apiKeys: [String] = []
    /// Whose pages may use the service from a browser.
    package var origins = AllowedOrigins.none
    /// The largest body that is read, in bytes.
    package var maximumBodyBytes = 2 << 20
    /// The most characters in the texts of one request.
    package var maximumCharacters = 50_000
    /// The most texts in one request.
    package var maximumTexts = 1_000
    /// How long an inference request may take before it is answered with 504.
    package var requestTimeoutSeconds = 300.0
    /// How long a stream is silent before its client gets a comment, so that neither it nor a proxy gives up.
    package var pingSeconds = 10.0
    /// How often the client of a WebSocket is asked whether it is still there, and how long it has to answer.
    package var socketPingSeconds = 20.0
    /// How long running requests may take to finish after a stop signal.
    package var shutdownSeconds = 25.0
    /// The version, for /version and /health.
    package var version: String

    /// The defaults.
    package init(version: String) { self.version = version }
}
