import EventSourcing
import Glibc
import HTTP
import Messaging
import Synchronization

/// Sends requests that may be repeated, and repeats them while the shop is away or busy.
struct PatientClient: Sendable {
    /// How long one request is tried for.
    static let patience = Duration.seconds(60)
    private static let firstPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(2)
    /// What says that it may go well another time.
    private static let passing: Set<Int> = [429, 500, 502, 503, 504]

    let client: GatewayClient

    /// - Parameter isOver: asked before each repetition; true gives up.
    /// - Throws: `CommandFailure` where there is no answer in time, or it can never come.
    func send(
        _ method: HTTPMethod, _ path: String, body: [UInt8] = [], headers: HTTPHeaders = [:],
        unless isOver: () -> Bool
    ) throws(CommandFailure) -> HTTPResponse {
        let start = ContinuousClock.now
        let end = start + Self.patience
        var pause = Self.firstPause
        while true {
            let trouble: String
            var asked = Duration.zero
            do throws(HTTPClientError) {
                let answer = try client.exchange(method, path, body: body, headers: headers)
                guard Self.passing.contains(answer.status.code) else { return answer }
                trouble = "\(client.url) answers \(answer.status.code)"
                let seconds = answer.headers["Retry-After"].flatMap {
                    Int64(strictDecimal: $0.utf8)
                }
                asked = .seconds(min(seconds ?? 0, 60))
            } catch {
                switch error {
                case .unknownHost, .invalidRequest: throw CommandFailure(error.description)
                default: trouble = error.description
                }
            }
            let wait = max(pause, asked)
            guard !isOver(), ContinuousClock.now + wait < end else {
                let spent = (ContinuousClock.now - start).components.seconds
                throw CommandFailure(
                    "\(trouble); tried for \(spent) s. What was placed "
                        + "stays: run the same command again, and it goes on from there")
            }
            usleep(UInt32(wait / .microseconds(1)))
            pause = min(pause * 2, Self.longestPause)
        }
    }
}

/// Work that is done by several threads, until there is no more of it or one of them fails.
final class SharedWork: Sendable {
    private let failure = Mutex<(any Error)?>(nil)

    /// Whether one has failed, and the others are to stop.
    var hasFailed: Bool { failure.withLock { $0 != nil } }

    /// - Parameter step: does one piece; false where there was none left.
    /// - Throws: what the first thread that failed threw, when all have stopped.
    static func run(
        threads: Int, _ step: @escaping @Sendable (SharedWork) throws -> Bool
    ) throws {
        let work = SharedWork()
        let workers = (0..<threads).map { number in
            Worker("import-\(number)", .awaited) {
                do {
                    while !work.hasFailed, try step(work) {}
                } catch {
                    work.failure.withLock { if $0 == nil { $0 = error } }
                }
            }
        }
        for worker in workers { worker.join() }
        if let error = work.failure.withLock({ $0 }) { throw error }
    }
}
