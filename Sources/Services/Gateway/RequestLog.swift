package import EventSourcing
import HTTP
import Synchronization

/// Tells the operators' log of requests that the shop could not answer, or, where that is wanted,
/// of all.
package final class RequestLog: Sendable {
    private struct State: Sendable {
        var second: Int64 = 0
        var told = 0
        var more: Int64 = 0
    }

    /// Of failures so many are told a second, and the rest is counted: they come in floods.
    package static let most = 5

    private let tellsAll: Bool
    private let runtime: any Runtime
    private let notice: @Sendable (LogLine) -> Void
    private let state = Mutex(State())

    package init(
        all tellsAll: Bool = false, runtime: any Runtime,
        notice: @escaping @Sendable (LogLine) -> Void
    ) {
        (self.tellsAll, self.runtime, self.notice) = (tellsAll, runtime, notice)
    }

    func note(_ exchange: Exchange, _ status: HTTPStatus) {
        let isFailure = status.code >= 500
        guard isFailure || tellsAll else { return }
        let target = exchange.request.target.utf8
        let path = String(decoding: target.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self)
        let text = "\(exchange.request.method.name) \(path): \(status.code)"
        guard isFailure else {
            return notice(
                LogLine(text, .debug, about: exchange.metadata(), service: "gateway"))
        }
        let (isTold, more) = count()
        if more > 0 {
            notice(
                LogLine(
                    "\(more) more requests were answered with 500 and above", service: "gateway"))
        }
        guard isTold else { return }
        notice(
            LogLine(
                text, status.code == 503 ? .warning : .error, about: exchange.metadata(),
                service: "gateway"))
    }

    /// - Returns: whether this one is told, and how many of an earlier second were not.
    private func count() -> (isTold: Bool, more: Int64) {
        let second = runtime.now().microseconds / 1_000_000
        return state.withLock { state in
            var more: Int64 = 0
            if second != state.second {
                more = state.more
                state = State(second: second)
            }
            guard state.told < Self.most else {
                state.more += 1
                return (false, more)
            }
            state.told += 1
            return (true, more)
        }
    }
}
