import CPlatform
import Glibc

/// A signal between threads that a poller can wait for: an eventfd.
final class EventSignal: Sendable {
    let descriptor: Descriptor

    init() throws(SystemError) {
        descriptor = Descriptor(owning: try SystemError.check(kassa_eventfd(), "eventfd"))
    }

    /// Makes the descriptor readable. Never blocks; at the counter's limit it is readable anyway.
    func raise() {
        var one: UInt64 = 1
        _ = write(descriptor.number, &one, 8)
    }

    func lower() {
        var count: UInt64 = 0
        _ = read(descriptor.number, &count, 8)
    }

    /// Blocks until it is raised, and leaves it so for others that wait.
    func wait() {
        var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, -1) < 0, errno == EINTR {}
    }
}
