package import CPlatform

/// The kernel's readiness queue, level-triggered.
package struct Epoll: Sendable {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let readable = Interest(rawValue: UInt32(KASSA_READABLE))
        package static let writable = Interest(rawValue: UInt32(KASSA_WRITABLE))
        /// Reported whether asked for or not.
        package static let failed = Interest(
            rawValue: UInt32(KASSA_FAILED | KASSA_HANGUP))
    }

    package static let batch = 256

    private let descriptor: Descriptor

    package init() throws(SystemError) {
        descriptor = Descriptor(
            owning: try SystemError.check(kassa_epoll_create(), "epoll_create1"))
    }

    package func add(_ fd: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        let result = kassa_epoll_add(descriptor.number, fd, interest.rawValue, token)
        _ = try SystemError.check(result, "epoll_ctl")
    }

    package func change(_ fd: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        let result = kassa_epoll_change(descriptor.number, fd, interest.rawValue, token)
        _ = try SystemError.check(result, "epoll_ctl")
    }

    package func remove(_ fd: Int32) { _ = kassa_epoll_remove(descriptor.number, fd) }

    /// The number of entries filled in; 0 after the timeout (`nil`: none) or an interruption.
    package func wait(_ ready: inout [kassa_ready], milliseconds: Int32?) -> Int {
        max(
            0,
            Int(
                kassa_epoll_wait(
                    descriptor.number, &ready, Int32(ready.count), milliseconds ?? -1)))
    }

    /// The same, until a moment: finer than a millisecond; at most a second where there is none.
    package func wait(_ ready: inout [kassa_ready], now: Moment, until wake: Moment?) -> Int {
        guard let wake else { return wait(&ready, milliseconds: 1000) }
        let left = min(max(0, wake.nanoseconds - now.nanoseconds), 1_000_000_000)
        if left > 0, kassa_epoll_pause(descriptor.number, left) == 0 { return 0 }
        return wait(&ready, milliseconds: 0)
    }
}
