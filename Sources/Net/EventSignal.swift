import CPlatform
import Glibc

/// A signal between threads that a poller can wait for: an eventfd.
package final class EventSignal: Sendable {
    package let descriptor: Descriptor

    package init() throws(SystemError) {
        descriptor = Descriptor(owning: try SystemError.check(kassa_eventfd(), "eventfd"))
    }

    /// Makes the descriptor readable. Never blocks; at the counter's limit it is readable anyway.
    package func raise() {
        var one: UInt64 = 1
        _ = write(descriptor.number, &one, 8)
    }

    package func lower() {
        var count: UInt64 = 0
        _ = read(descriptor.number, &count, 8)
    }

    /// Blocks until it is raised, and leaves it so for others that wait.
    package func wait() {
        var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, -1) < 0, errno == EINTR {}
    }
}
