import Host
import Testing

/// When nothing new is taken for lack of room, and when the reserve is given out and filled.
@Suite(.scenarios) struct DiskRuleTests {
    /// A reserve of 64, whole.
    private func rules() -> DiskRules {
        var rules = DiskRules(reserve: 64)
        #expect(rules.look(free: 1000, held: 64) == .none)
        #expect(!rules.isStopped)
        return rules
    }

    @Test func `at the floor nothing new is taken, and a quarter above it again`() {
        var rules = rules()
        for (free, isStopped) in [(64, false), (63, true), (64, true), (79, true), (80, false)] {
            #expect(rules.look(free: Int64(free), held: 64) == .none)
            #expect(rules.isStopped == isStopped, "\(free)")
        }
    }

    @Test func `the reserve is given out on a full disk, and filled before anything is taken`() {
        var rules = rules()
        #expect(rules.look(free: 7, held: 64) == .release)
        #expect(rules.look(free: 71, held: 0) == .none)
        #expect(rules.isStopped)
        #expect(rules.look(free: 143, held: 0) == .none)
        #expect(rules.look(free: 144, held: 0) == .fill)
        #expect(rules.isStopped)
        #expect(rules.look(free: 80, held: 64) == .none)
        #expect(!rules.isStopped)
    }

    @Test func `a disk without room for the reserve takes nothing from the start`() {
        var rules = DiskRules(reserve: 64)
        #expect(rules.look(free: 143, held: 0) == .none)
        #expect(rules.isStopped)
    }

    @Test func `beside a reserve that another process keeps there is its floor alone`() {
        var rules = DiskRules(reserve: 0, floor: 64)
        for (free, isStopped) in [
            (1000, false), (64, false), (63, true), (7, true), (71, true), (79, true), (80, false),
        ] {
            #expect(rules.look(free: Int64(free), held: 0) == .none)
            #expect(rules.isStopped == isStopped, "\(free)")
        }
    }

    @Test func `without a reserve all is taken`() {
        var rules = DiskRules(reserve: 0)
        #expect(rules.look(free: 0, held: 0) == .none)
        #expect(!rules.isStopped)
    }
}
