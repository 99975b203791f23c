/// The service that a case is run on.
package final class ServiceUnderTest: Sendable {
    /// A client of it, with its address and its key.
    package let client: ServiceClient
    /// Its process; nil for a service that was running before and is known by its address alone.
    package let process: ManagedService?

    /// A service that somebody else started.
    package init(client: ServiceClient) { (self.client, process) = (client, nil) }

    /// A service that we started.
    package init(process: ManagedService) { (client, self.process) = (process.client, process) }

    /// Whether we started it, and may therefore unload its models, damage it and stop it.
    package var isOurs: Bool { process != nil }
}
