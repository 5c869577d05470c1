import EventSourcing
import EventStore
import SQLite
import Testing

/// Whatever is asked of effects, in whatever order, by commits that fail and logs that are opened
/// again: what waits is what a dictionary says.
@Suite struct EffectModelTests {
    private struct Waiting: Hashable {
        let kind: String
        let attempts: Int
        let due: Timestamp
    }

    private let folder: Folder
    init() throws { folder = try Folder() }

    private func effect(_ key: String, _ kind: String, _ due: Timestamp) -> Effect {
        Effect(
            key: key, kind: kind, stream: StreamID("payment", "1-2"), data: "{}",
            metadata: #"{"actor":"system"}"#, due: due)
    }

    /// Does something to one effect, and to what the dictionary says of it.
    private func act(
        _ transaction: Transaction, _ model: inout [String: Waiting],
        _ random: inout Seeded
    ) throws(StoreError) {
        let key = "k\(Int.random(in: 0..<12, using: &random))"
        let due = noon + .seconds(Int.random(in: 0...3, using: &random))
        let known = effect(key, "", noon)
        switch Int.random(in: 0..<7, using: &random) {
        case 0...2:
            let kind = Int.random(in: 0..<5, using: &random) == 0 ? "void" : "authorize"
            try transaction.request(effect(key, kind, due))
            if model[key]?.kind != kind {
                model[key] = Waiting(kind: kind, attempts: 0, due: due)
            }
        case 3, 4:
            try transaction.finish(known)
            model[key] = nil
        case 5:
            try transaction.postpone(known, until: due)
            if let old = model[key] {
                model[key] = Waiting(kind: old.kind, attempts: old.attempts + 1, due: due)
            }
        default: #expect(try transaction.isWaiting(known) == (model[key] != nil))
        }
    }

    private func check(_ log: EventLog, _ model: [String: Waiting]) throws {
        let limit = 20
        for seconds in 0...3 {
            let moment = noon + .seconds(seconds)
            let found = try log.effects(dueBy: moment, limit: limit)
            let wanted = model.filter { $0.value.due <= moment }
                .sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
            #expect(found.map(\.key) == wanted.map(\.key))
            #expect(
                found.map { Waiting(kind: $0.kind, attempts: $0.attempts, due: $0.due) }
                    == wanted.map(\.value))
            #expect(try log.effects(dueBy: moment, limit: 2) == Array(found.prefix(2)))
            let next = model.values.map(\.due).filter { $0 > moment }.min()
            #expect(try log.nextEffect(after: moment) == next ?? Timestamp(microseconds: .max))
        }
        #expect(try log.queries.keys(of: .effects) == Set(model.keys))
        #expect(try log.queries.countEffects() == model.count)
    }

    /// One commit of a few attempts, some of which are given up.
    private func commit(
        _ log: EventLog, _ model: [String: Waiting], _ random: inout Seeded
    ) throws(StoreError) -> [String: Waiting] {
        var model = model
        try log.run { (transaction) throws(StoreError) in
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let before = model
                let isGivenUp = Int.random(in: 0..<3, using: &random) == 0
                do throws(StoreError) {
                    try transaction.attempt { () throws(StoreError) in
                        for _ in 0..<Int.random(in: 1...4, using: &random) {
                            try act(transaction, &model, &random)
                        }
                        guard isGivenUp else { return }
                        throw StoreError.conflict(order("a"), expected: .any, actual: .none)
                    }
                } catch {
                    guard case .conflict = error else { throw error }
                    model = before
                }
            }
        }
        return model
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `what waits is what was asked for and is not over`(seed: UInt64) throws {
        var random = Seeded(seed)
        var model: [String: Waiting] = [:]
        var log = try folder.open()
        for _ in 0..<60 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                // As after a crash, or a clean stop.
                if Bool.random(using: &random) { log.close() }
                log = try folder.open()
            case 1:
                log.commitFault = { moment in
                    moment == .before ? .init(code: 13, message: "full", action: "test") : nil
                }
                #expect(throws: StoreError.self) { try commit(log, model, &random) }
                log.commitFault = nil
            default: model = try commit(log, model, &random)
            }
            try check(log, model)
        }
    }

    @Test func `more than memory holds wait in the file, and come all the same`() throws {
        var log = try folder.open()
        let keys = (0..<5000).map { "k\($0)" }
        for at in stride(from: 0, to: keys.count, by: 100) {
            try log.run { (transaction) throws(StoreError) in
                for key in keys[at..<at + 100] {
                    try transaction.request(effect(key, "authorize", noon))
                    try transaction.request(effect(keys[at / 2], "authorize", noon))
                }
            }
        }
        for _ in 0..<2 {
            #expect(try log.effects(dueBy: noon, limit: 9999).map(\.key) == keys.sorted())
            log = try folder.open()
        }
        for (at, key) in keys.enumerated() where at % 2 == 0 {
            try log.run { (transaction) throws(StoreError) in
                try transaction.finish(effect(key, "authorize", noon))
            }
        }
        let left = Set(keys.enumerated().filter { $0.offset % 2 == 1 }.map(\.element))
        #expect(try log.queries.keys(of: .effects) == left)
        #expect(try Set(log.effects(dueBy: noon, limit: 9999).map(\.key)) == left)
    }
}
