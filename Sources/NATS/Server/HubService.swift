package import Net

/// What a server does itself with messages, on the server's thread.
package protocol HubService: AnyObject {
    /// The subjects that it takes, as patterns.
    var subjects: [String] { get }

    /// Called once it is attached, before the first client.
    func begin()

    /// Takes a message to one of its subjects.
    func take(_ message: ClientOperation.Publish, from connection: UInt64)

    /// Called after each round of input, and when the moment has come that it named.
    ///
    /// - Returns: when it wants to be called at the latest; nil where only input matters.
    func work(at now: Moment) -> Moment?
}
