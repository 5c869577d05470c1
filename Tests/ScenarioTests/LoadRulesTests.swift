import EventSourcing
import Host
import Testing

/// When new work is refused for what waits.
@Suite(.scenarios) struct LoadRulesTests {
    private typealias Reader = LoadRules.Reader

    /// A shop that is busy sooner than usual, so that the numbers are small.
    private static let rules = LoadRules(
        usual: .init(stopAt: 2, goAt: 1), overloaded: .init(stopAt: 0.8, goAt: 0.6), awayAt: 10)

    private let noon = Timestamp(microseconds: 1_769_860_800_000_000)

    /// Looks every tenth of a second, with what a reader has read by then and what waits for it.
    private func look(_ rules: inout LoadRules, _ seen: [(read: Int64, behind: Int64)]) -> [Bool] {
        seen.enumerated().map { at, seen in
            rules.look(
                [Reader(name: "a<b", behind: seen.behind, read: seen.read)],
                at: noon + .milliseconds(100 * at))
            return rules.isStopped
        }
    }

    @Test func `a reader that keeps up stops nobody`() {
        var rules = Self.rules
        // 10,000 events a second, and not quite two seconds' worth waiting.
        let seen = (1...50).map { (read: Int64($0) * 1000, behind: Int64(19_000)) }
        #expect(!look(&rules, seen).contains(true))
        #expect(rules.backlog > 1.8 && rules.backlog < 2)
    }

    @Test func `more than two seconds' worth stops, and a second's worth goes on`() {
        var rules = Self.rules
        let behind: [Int64] = [9000, 9000, 19_000, 21_000, 15_000, 11_000, 9000, 15_000]
        let seen = behind.enumerated().map { (read: Int64($0.offset) * 1000, behind: $0.element) }
        #expect(look(&rules, seen) == [false, false, false, true, true, true, false, false])
    }

    @Test func `a reader that moves seldom has the rate of all the time between`() {
        var rules = Self.rules
        // 3,000 events each 300 ms.
        let seen = (0..<60).map { (read: Int64($0 / 3) * 3000, behind: Int64(15_000)) }
        #expect(!look(&rules, seen).contains(true))
        #expect(rules.backlog > 1.4 && rules.backlog < 1.6)
    }

    @Test func `quiet times say nothing of how quick a reader is`() {
        var rules = Self.rules
        // Ten events a second, then more than it can take.
        let quiet = (0..<20).map { (read: Int64($0), behind: Int64(0)) }
        let busy = (1...20).map { (read: Int64(20 + $0 * 1000), behind: Int64(15_000)) }
        #expect(!look(&rules, quiet + busy).contains(true))
    }

    @Test func `few events are no backlog; one that stands still, or was away, is none either`() {
        var rules = Self.rules
        let slow = (0..<20).map { (read: Int64($0), behind: LoadRules.least) }
        #expect(!look(&rules, slow).contains(true))
        var standing = Self.rules
        let moved = (0..<5).map { (read: Int64($0) * 1000, behind: Int64(30_000)) }
        let stood = (0..<20).map { _ in (read: Int64(4000), behind: Int64(30_000)) }
        let verdicts = look(&standing, moved + stood)
        #expect(verdicts[4] && !verdicts[20])
        var away = Self.rules
        let returning = (0..<20).map { (read: Int64($0) * 1000, behind: Int64(500_000)) }
        #expect(!look(&away, returning).contains(true))
    }

    @Test func `the slowest reader counts, and nobody when it has gone`() {
        var rules = Self.rules
        for at in 0..<20 {
            let read = Int64(at) * 1000
            rules.look(
                [
                    Reader(name: "quick", behind: 5000, read: read),
                    Reader(name: "slow", behind: 5000, read: read / 10),
                ], at: noon + .milliseconds(100 * at))
        }
        #expect(rules.isStopped && rules.backlog > 4)
        rules.look([Reader(name: "quick", behind: 5000, read: 20_000)], at: noon + .seconds(2))
        #expect(!rules.isStopped)
    }

    @Test
    func `requests without room are overload: less may wait, orders before their checkout too`() {
        var rules = Self.rules
        // 10,000 events and 10,000 orders a second; of these a second's worth waits.
        func look(_ at: Int, waiting: Int64 = 10_000, refused: Int64) -> Bool {
            rules.look(
                [Reader(name: "a<b", behind: 5_000, read: Int64(at) * 1000)],
                waiting: Reader(name: "waiting", behind: waiting, read: Int64(at) * 1000),
                refused: refused, at: noon + .milliseconds(100 * at))
            return rules.isStopped
        }
        #expect((0..<10).allSatisfy { !look($0, refused: 0) })
        #expect(!rules.isOverloaded && rules.backlog < 0.6)
        // What waits is known to be too much as soon as its pace is.
        #expect((10..<13).map { look($0, refused: 7) } == [false, true, true])
        // It ends with what waits, and the last refusal some seconds ago.
        #expect((13..<70).allSatisfy { look($0, refused: 7) })
        #expect(!look(70, waiting: 5_000, refused: 7))
        #expect(!look(71, waiting: 10_000, refused: 7) && !rules.isOverloaded)
    }
}
