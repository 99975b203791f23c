package import Hummingbird
internal import NIOCore
internal import Synchronization

/// What a request carries from middleware to handler.
package struct ServiceRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The id in the log and in `x-request-id`.
    var requestID = ""
    /// What the client has shown that it may do.
    var access = Access.granted
    /// The connection it came over.
    let channel: any Channel

    /// Whether a request is allowed.
    enum Access: Sendable, Equatable {
        /// No key is needed, or a right one was sent in a header.
        case granted
        /// A key is needed and none was in the headers; a LibreTranslate body may still bring one.
        case needsKey
    }

    package init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
