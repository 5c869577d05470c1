import CPlatform
package import Glibc

/// Starts detached threads that leave signals to the main thread.
package enum NetThread {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            (self.name, self.run) = (name, run)
        }
    }

    /// - Parameter name: what the system's tools show, its first 15 bytes.
    @discardableResult
    package static func start(
        _ name: String, _ run: @escaping @Sendable () -> Void
    ) throws(SystemError) -> pthread_t {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let body = Unmanaged.passRetained(Body(name, run))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { context in
                // Signals are for the main thread to wait for, but for a sampler's.
                var all = sigset_t()
                sigfillset(&all)
                sigdelset(&all, SIGTRAP)
                sigdelset(&all, SIGPROF)
                pthread_sigmask(SIG_BLOCK, &all, nil)
                guard let context else { return nil }
                let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
                kassa_name_thread(body.name)
                body.run()
                return nil
            }, body.toOpaque())
        guard result == 0 else {
            body.release()
            throw SystemError(call: "pthread_create", code: result)
        }
        return thread
    }
}
