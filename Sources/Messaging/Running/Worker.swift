import CPlatform
import Glibc

/// A thread that runs one closure to its end.
package final class Worker: Sendable {
    private let thread: pthread_t

    /// - Parameter name: shown by `top -H` and in crash reports; at most 15 bytes.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { Work.run($0) }, work.toOpaque())
        self.thread = thread
        if code != 0 { work.release() }
        precondition(code == 0, "the system has no thread left")
    }

    /// Waits for the closure's end. Called once.
    package func join() { pthread_join(thread, nil) }

    private final class Work {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }

        static func run(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
            guard let pointer else { return nil }
            let work = Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
            kassa_name_thread(String(work.name.prefix(15)))
            work.body()
            return nil
        }
    }
}
