import EventSourcing
import Gateway
package import HTTP
import Messaging
import Projections

/// A gateway as production runs it: its projections, and its routes, but for the sockets.
package final class SimulatedGateway: SimulatedProcess {
    typealias Aside = Gateway.Aside
    /// What has come back to its users, by the number of the request; nil where a request was
    /// dropped without an answer.
    package typealias Answers = [(number: Int, response: HTTPResponse?)]

    private struct Shared: Sendable {
        /// Counts its lives: what an earlier one was asked is answered by nobody.
        var life = 0
        var answers: Answers = []
        /// What waits for the thread that reads files.
        var aside: [@Sendable () -> Void] = []
    }

    package let view: SimulatedView
    private let runtime: any Runtime
    private let network: SimulatedNetwork
    private let make: (ReadStore, Freshness, @escaping Aside) -> Gateway
    private let shared = Monitor(Shared())
    private var router: Router?
    private var freshness: Freshness?

    /// - Parameter make: makes the gateway that answers; its files are read in what it is given.
    init(
        view: SimulatedView, runtime: any Runtime, network: SimulatedNetwork,
        make: @escaping (ReadStore, Freshness, @escaping Aside) -> Gateway
    ) {
        (self.view, self.runtime, self.network, self.make) = (view, runtime, network, make)
    }

    package var name: String { view.name }
    package var machine: SimulatedMachine? { view.machine }
    package var isUp: Bool { view.isUp }

    package func start() throws {
        try view.start()
        freshness = view.freshness
        router =
            make(try view.store, view.freshness) { [shared] work in
                shared.withLock { $0.aside.append(work) }
                return true
            }.router
    }

    package func crash() {
        view.crash()
        end()
    }

    private func end() {
        shared.withLock { $0.life += 1 }
        // Whoever waits for rows holds the gateway that holds him.
        freshness?.expire(at: Timestamp(microseconds: .max))
        // Whatever still answers is dropped once the life is over, and outside of the lock.
        let dropped = shared.withLock { shared in
            defer { shared.aside = [] }
            return shared.aside
        }
        (router, freshness) = (nil, nil)
        withExtendedLifetime(dropped) {}
    }

    package func step(_ random: inout SeededRandom) throws -> Bool {
        switch random.below(10) {
        case 0:
            freshness?.expire(at: runtime.now())
            return false
        case 1:
            let work = shared.withLock { $0.aside.isEmpty ? nil : $0.aside.removeFirst() }
            work?()
            return work != nil
        default:
            let hasWorked = try view.step(&random)
            if !view.isUp { end() }
            return hasWorked
        }
    }

    /// Asks it on behalf of its users; the answer comes with `answers`, or never.
    package func ask(_ request: HTTPRequest, number: Int) {
        guard let router, !network.isCut("users", name),
            !network.happens("a request lost on the way", onceIn: 60)
        else { return }
        let life = shared.withLock { $0.life }
        let responder = Responder { [shared, network, name] response in
            guard shared.withLock({ $0.life }) == life, !network.isCut(name, "users"),
                !network.happens("a response lost on the way", onceIn: 60)
            else { return }
            shared.withLock { $0.answers.append((number, response)) }
        }
        router.handle(request, responder)
    }

    /// What has come back since it was last asked.
    package func answers() -> Answers {
        shared.withLock { shared in
            defer { shared.answers = [] }
            return shared.answers
        }
    }
}
