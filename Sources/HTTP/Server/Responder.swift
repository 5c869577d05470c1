import Synchronization

/// The one answer to one request: give it at once or later, from any thread, exactly once.
///
/// The first answer counts and later ones are ignored. One dropped without an answer gives 500,
/// so that no client waits for what nobody will say.
package final class Responder: Sendable {
    private let answered = Atomic(false)
    private let deliver: @Sendable (HTTPResponse?) -> Void

    /// A responder that delivers to a closure; `nil` means dropped. For tests of handlers without
    /// a socket, and for the server.
    package init(_ deliver: @escaping @Sendable (HTTPResponse?) -> Void) {
        self.deliver = deliver
    }

    deinit {
        if !answered.load(ordering: .acquiring) { deliver(nil) }
    }

    /// Answers. Never blocks; after the connection has gone it does nothing.
    package func respond(_ response: HTTPResponse) {
        guard !answered.exchange(true, ordering: .acquiringAndReleasing) else { return }
        deliver(response)
    }
}
