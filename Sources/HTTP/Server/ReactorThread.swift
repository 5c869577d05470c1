import CPlatform
import Glibc

/// Starts a detached thread.
enum ReactorThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ run: @escaping @Sendable () -> Void) throws(SystemError) -> pthread_t {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let body = Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { context in
                kassa_name_thread("http")
                // Signals are for the main thread to wait for, but for a sampler's.
                var all = sigset_t()
                sigfillset(&all)
                sigdelset(&all, SIGTRAP)
                sigdelset(&all, SIGPROF)
                pthread_sigmask(SIG_BLOCK, &all, nil)
                guard let context else { return nil }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard result == 0 else {
            body.release()
            throw SystemError(call: "pthread_create", code: result)
        }
        return thread
    }
}
