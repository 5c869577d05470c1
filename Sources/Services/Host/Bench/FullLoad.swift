import Glibc
import HTTP
import Messaging
import Synchronization

/// Has as many orders placed as are completed: so many are open at a time, and no more.
final class FullLoad: Sendable {
    /// Enough that every service has some of them to commit together; fewer than what begins to
    /// wait for its checkout.
    private static let most = 1500

    private let allowed = Atomic(FullLoad.most)
    private let isOver = Atomic(false)

    /// Holds it for some seconds, and waits until all that was placed is completed.
    static func hold(
        _ shop: BenchedShop, _ driver: LoadDriver, seconds: Int, _ requests: [[UInt8]],
        _ progress: (String) -> Void
    ) throws -> LoadPhase {
        let load = FullLoad()
        return try load.follow(shop) {
            try LoadPhase(
                shop, driver, .upTo(load.limit), .time(.seconds(seconds)), requests: requests
            ) { progress("full load: \($0)") }
        }
    }

    /// How many may have been placed until now.
    func limit() -> Int { allowed.load(ordering: .relaxed) }

    /// The orders that have ended, as the rows have them: what the gateway knows by itself, and so
    /// knows now, whether the services are in its process or in others.
    private static func ended(_ shop: BenchedShop) throws -> Int {
        try shop.standing().ended.values.reduce(0, +)
    }

    /// Follows what is completed while `body` runs.
    ///
    /// - Throws: what `body` throws, and where the shop no longer says how it stands.
    func follow<Result>(_ shop: BenchedShop, _ body: () throws -> Result) throws -> Result {
        let failure = Mutex<(any Error)?>(nil)
        // A connection of its own, for a thread of its own.
        nonisolated(unsafe) let shop = try shop.observer()
        let before = try Self.ended(shop)
        let worker = Worker("standing", .awaited) { [self] in
            while !isOver.load(ordering: .relaxed) {
                do {
                    let ended = try Self.ended(shop) - before
                    allowed.store(ended + Self.most, ordering: .relaxed)
                } catch {
                    failure.withLock { $0 = error }
                    return
                }
                usleep(250_000)
            }
        }
        defer {
            isOver.store(true, ordering: .relaxed)
            worker.join()
        }
        let result = try body()
        if let error = failure.withLock({ $0 }) { throw error }
        return result
    }
}
