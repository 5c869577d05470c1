import CPlatform
import Glibc
import Synchronization

/// A thread that runs one closure to its end.
package final class Worker: Sendable {
    /// Nil once it was waited for.
    private let thread: Mutex<pthread_t?>

    /// Whether somebody waits for what a thread does.
    package enum Urgency: Sendable {
        case awaited
        /// Somebody does now and then: it steps back half as far as the others.
        case sooner
        /// It steps back behind what is awaited, where processors are short.
        case background
    }

    /// - Parameter name: shown by `top -H` and in crash reports; at most 15 bytes.
    package init(
        _ name: String, _ urgency: Urgency = .background, _ body: @escaping @Sendable () -> Void
    ) {
        let work = Unmanaged.passRetained(Work(name: name, urgency: urgency, body: body))
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { Work.run($0) }, work.toOpaque())
        self.thread = Mutex(thread)
        if code != 0 { work.release() }
        precondition(code == 0, "the system has no thread left")
    }

    /// A thread that nobody waits for gives back its stack when it ends.
    deinit { if let thread = taken() { pthread_detach(thread) } }

    /// Waits for the closure's end. Called once.
    package func join() { if let thread = taken() { pthread_join(thread, nil) } }

    private func taken() -> pthread_t? {
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
    }

    private final class Work {
        let name: String
        let urgency: Urgency
        let body: @Sendable () -> Void

        init(name: String, urgency: Urgency, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.urgency = urgency
            self.body = body
        }

        static func run(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
            guard let pointer else { return nil }
            let work = Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
            kassa_name_thread(String(work.name.prefix(15)))
            switch work.urgency {
            case .awaited: break
            case .sooner: kassa_step_back(5)
            case .background: kassa_step_back(10)
            }
            work.body()
            return nil
        }
    }
}
