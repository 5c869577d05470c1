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
    /// Whether some were counted and not told: then any answer of a later second tells of them.
    private let hasMore = Atomic(false)

    package init(
        all tellsAll: Bool = false, runtime: any Runtime,
        notice: @escaping @Sendable (LogLine) -> Void
    ) {
        (self.tellsAll, self.runtime, self.notice) = (tellsAll, runtime, notice)
    }

    func note(_ exchange: Exchange, _ status: HTTPStatus) {
        let isFailure = status.code >= 500
        if hasMore.load(ordering: .relaxed) { tellMore() }
        guard isFailure || tellsAll else { return }
        let target = exchange.request.target.utf8
        let path = String(decoding: target.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self)
        let text = "\(exchange.request.method.name) \(path): \(status.code)"
        guard isFailure else {
            return notice(
                LogLine(text, .debug, about: exchange.metadata(), service: "gateway"))
        }
        guard isWithinRation() else { return }
        say(
            LogLine(
                text, status.code == 503 ? .warning : .error, about: exchange.metadata(),
                service: "gateway"))
    }

    private var second: Int64 { runtime.now().microseconds / 1_000_000 }

    private func isWithinRation() -> Bool {
        let second = second
        return state.withLock { state in
            if second != state.second { (state.second, state.told) = (second, 0) }
            guard state.told < Self.most else {
                state.more += 1
                hasMore.store(true, ordering: .relaxed)
                return false
            }
            state.told += 1
            return true
        }
    }

    /// Tells how many of an earlier second were not told.
    private func tellMore() {
        let second = second
        let more: Int64 = state.withLock { state in
            guard second != state.second else { return 0 }
            hasMore.store(false, ordering: .relaxed)
            defer { state.more = 0 }
            return state.more
        }
        guard more > 0 else { return }
        say(
            LogLine("\(more) more requests were answered with 500 and above", service: "gateway"))
    }

    private func say(_ line: LogLine) {
        var line = line
        line.isRationed = true
        notice(line)
    }
}
