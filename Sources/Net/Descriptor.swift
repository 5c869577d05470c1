import Glibc
import Synchronization

/// Owns a file descriptor, and closes it when told to or with its last reference.
package final class Descriptor: Sendable {
    package let number: Int32
    private let isOpen = Atomic(true)

    package init(owning number: Int32) { self.number = number }

    deinit { close() }

    /// Closes at once, whoever else holds a reference. Only the one thread that uses the
    /// descriptor may call it: the number can belong to another file right after.
    package func close() {
        if isOpen.exchange(false, ordering: .acquiringAndReleasing) { _ = Glibc.close(number) }
    }
}
