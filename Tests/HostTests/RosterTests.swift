import Domain
import EventSourcing
import Foundation
import Host
import Testing

@Suite struct RosterTests {
    private let start = Timestamp(microseconds: 1_800_000_000_000_000)

    private func instances(_ roster: Roster) -> [String] {
        roster.all.map(\.announcement.instance)
    }

    private func home(_ roster: Roster, _ part: ShopPart = .orders, _ key: String = "") -> String? {
        roster.home(of: part, key: key)?.instance
    }

    @Test func `who is heard is there, with the newest of what was said`() {
        var roster = Roster()
        #expect(roster.home(of: .orders, key: "") == nil)
        roster.hear(.sample(health: .starting), at: start)
        roster.hear(.sample(.payments, "b", port: 4001), at: start)
        let later = start + .seconds(1)
        roster.hear(.sample(health: .up), at: later)
        #expect(instances(roster) == ["a", "b"])
        #expect(roster.all.first?.announcement == .sample(health: .up))
        #expect(roster.all.first?.heardAt == later)
        #expect(home(roster) == "a")
        #expect(home(roster, .payments) == "b")
        #expect(home(roster, .deliveries) == nil)
    }

    @Test func `all are listed by part and then by instance`() {
        var roster = Roster()
        for (part, instance) in [(ShopPart.payments, "a"), (.gateway, "z"), (.gateway, "b")] {
            roster.hear(.sample(part, instance, port: 1), at: start)
        }
        roster.hear(.sample(.gateway, "c", port: 2), at: start)
        #expect(instances(roster).last == "a")
        #expect(instances(roster).dropLast() == instances(roster).dropLast().sorted()[...])
    }

    @Test func `who says that it stops is forgotten at once`() {
        var roster = Roster()
        roster.hear(.sample(), at: start)
        roster.hear(.sample(.payments, "b", port: 4001), at: start)
        roster.hear(.sample(health: .stopping), at: start)
        #expect(instances(roster) == ["b"])
        #expect(home(roster) == nil)
        roster.hear(.sample(.orders, "c", health: .stopping), at: start)
        #expect(instances(roster) == ["b"])
    }

    @Test(arguments: [ShopPart.orders, .gateway, .broker])
    func `another run at the same place takes the place of the one before`(part: ShopPart) {
        var roster = Roster()
        roster.hear(.sample(part, "a"), at: start)
        roster.hear(.sample(part, "b", startedAt: start), at: start)
        #expect(instances(roster) == ["b"])
    }

    @Test func `a place that has another share now is no home of the share before`() {
        var roster = Roster()
        roster.hear(.sample(.orders, "a"), at: start)
        roster.hear(.sample(.orders, "b", shard: 1, shards: 2), at: start)
        #expect(instances(roster) == ["b"])
    }

    @Test func `a place is an address and a port`() {
        var roster = Roster()
        roster.hear(.sample(.orders, "a", host: "10.0.0.1", port: 4000), at: start)
        roster.hear(.sample(.orders, "b", host: "10.0.0.2", port: 4000), at: start)
        roster.hear(.sample(.orders, "c", host: "10.0.0.1", port: 4001), at: start)
        #expect(instances(roster) == ["a", "b", "c"])
    }

    @Test func `one that is silent stays until another takes its share`() {
        var roster = Roster()
        roster.hear(.sample(.orders, "a"), at: start)
        let later = start + .seconds(600)
        roster.hear(.sample(.payments, "p", port: 4001), at: later)
        #expect(home(roster) == "a")
        roster.hear(.sample(.orders, "b", port: 4002, startedAt: start), at: later)
        #expect(instances(roster) == ["b", "p"])
        #expect(home(roster) == "b")
    }

    @Test func `of two that speak one that works is the home, and each is the other's rival`() {
        var roster = Roster()
        let second = start + .seconds(10)
        let old = Announcement.sample(
            .orders, "old", port: 4001, health: .halted, startedAt: start)
        let new = Announcement.sample(.orders, "new", port: 4002, startedAt: second)
        roster.hear(old, at: second)
        roster.hear(new, at: second)
        #expect(home(roster) == "new")
        #expect(roster.rival(of: new, at: second)?.instance == "old")
        #expect(roster.rival(of: old, at: second)?.instance == "new")
        // One that is silent is no rival, and another gateway is none at all.
        #expect(roster.rival(of: new, at: second + Roster.patience) == nil)
        roster.hear(.sample(.gateway, "g", port: 1), at: second)
        let gateway = Announcement.sample(.gateway, "h", port: 2)
        roster.hear(gateway, at: second)
        #expect(roster.rival(of: gateway, at: second) == nil)
    }

    @Test func `of two that speak both stay, and the older one is the home`() {
        var roster = Roster()
        let second = start + .seconds(10)
        roster.hear(.sample(.orders, "b", port: 4001, startedAt: second), at: second)
        roster.hear(.sample(.orders, "z", port: 4002, startedAt: start), at: second)
        #expect(home(roster) == "z")
        let almost = second + Roster.patience + .microseconds(-1)
        roster.hear(.sample(.orders, "b", port: 4001, startedAt: second), at: almost)
        #expect(instances(roster) == ["b", "z"])
        #expect(home(roster) == "z")
        // As old as each other: one and the same for all who ask.
        roster.hear(.sample(.payments, "d", port: 1), at: almost)
        roster.hear(.sample(.payments, "c", port: 2), at: almost)
        #expect(home(roster, .payments) == "c")
    }

    @Test(arguments: [1, 2, 3, 7, 1024])
    func `of several shares every key has exactly one home`(shards: Int) {
        var roster = Roster()
        var count = 0
        for shard in 0..<min(shards, 200) {
            roster.hear(
                .sample(
                    .orders, "\(shard)", port: UInt16(1 + shard), shard: shard, shards: shards),
                at: start)
        }
        var homes: [String: Int] = [:]
        for number in 0..<2000 {
            guard let found = home(roster, .orders, "order-\(number)") else { continue }
            homes[found, default: 0] += 1
            count += 1
            // Whoever else there is has another share.
            let share = shards == 1 ? 0 : Int(stableHash("order-\(number)") % UInt64(shards))
            #expect(found == "\(share)")
        }
        if shards < 10 {
            #expect(count == 2000)
            #expect(homes.count == shards)
            #expect(homes.values.allSatisfy { $0 > 2000 / shards / 2 })
        } else {
            // Most shares are nobody's.
            #expect((200...800).contains(count))
        }
    }

    @Test func `the share of a process that is silent is not another one's`() {
        var roster = Roster()
        roster.hear(.sample(.orders, "a", port: 1, shard: 0, shards: 2), at: start)
        let later = start + .seconds(60)
        roster.hear(.sample(.orders, "b", port: 2, shard: 1, shards: 2), at: later)
        #expect(instances(roster) == ["a", "b"])
        let homes = Set((0..<100).compactMap { home(roster, .orders, "\($0)") })
        #expect(homes == ["a", "b"])
    }

    @Test func `gateways do not drive each other out`() {
        var roster = Roster()
        roster.hear(.sample(.gateway, "a", port: 1), at: start)
        let later = start + .seconds(60)
        for number: UInt16 in 2..<6 {
            roster.hear(.sample(.gateway, "\(number)", port: number), at: later)
        }
        #expect(instances(roster) == ["2", "3", "4", "5", "a"])
    }

    @Test func `what was not heard for an hour is forgotten`() {
        var roster = Roster()
        roster.hear(.sample(.orders, "a"), at: start)
        let hour = start + .seconds(3600)
        roster.hear(.sample(.payments, "p", port: 1), at: hour + .microseconds(-1))
        #expect(instances(roster) == ["a", "p"])
        roster.hear(.sample(.payments, "p", port: 1), at: hour)
        #expect(instances(roster) == ["p"])
    }

    @Test func `no more than 256 are remembered, and those go on being heard`() {
        var roster = Roster()
        for number in 0..<300 {
            roster.hear(.sample(.gateway, "\(number)", port: UInt16(1 + number)), at: start)
        }
        #expect(roster.all.count == 256)
        let later = start + .seconds(1)
        roster.hear(.sample(.gateway, "0", port: 1, health: .halted), at: later)
        roster.hear(.sample(.gateway, "299", port: 300), at: later)
        #expect(roster.all.count == 256)
        #expect(roster.all.first?.heardAt == later)
        #expect(roster.all.first?.announcement.health == .halted)
        roster.hear(.sample(.gateway, "0", port: 1, health: .stopping), at: later)
        roster.hear(.sample(.gateway, "299", port: 300), at: later)
        #expect(roster.all.count == 256)
    }

    // MARK: An earlier run

    @Test func `homes of an earlier run are homes until they are heard`() {
        var roster = Roster(remembering: [.sample(.orders, "old"), .sample(.payments, "p")])
        #expect(roster.all.isEmpty)
        #expect(home(roster) == "old" && home(roster, .payments) == "p")
        #expect(roster.homes.map(\.instance) == ["old", "p"])
        roster.hear(.sample(.orders, "new", port: 4001), at: start)
        #expect(home(roster) == "new" && home(roster, .payments) == "p")
        #expect(roster.homes.map(\.instance) == ["new", "p"])
        roster.hear(.sample(.payments, "p", health: .stopping), at: start)
        #expect(home(roster, .payments) == nil)
        #expect(roster.homes.map(\.instance) == ["new"])
    }

    @Test func `a part that has other shares now has none of those before`() {
        let before = Announcement.sample(.orders, "old")
        var roster = Roster(remembering: [before])
        roster.hear(.sample(.orders, "a", port: 4001, shard: 0, shards: 2), at: start)
        let homes = Set((0..<100).map { home(roster, .orders, "\($0)") })
        #expect(homes == ["a", nil])
    }

    @Test func `a remembered place that is another part's now is nobody's home`() {
        var roster = Roster(remembering: [.sample(.orders, "old")])
        roster.hear(.sample(.payments, "p"), at: start)
        #expect(home(roster) == nil && home(roster, .payments) == "p")
    }

    @Test func `who answers where it was is known, and silent until it is heard`() {
        var roster = Roster(remembering: [.sample(.orders, "old")])
        let now = start + .seconds(5)
        // Whoever is not remembered is not found by a call.
        roster.find(.sample(.payments, "p"), at: now)
        roster.find(.sample(.orders, "elsewhere", port: 4001), at: now)
        #expect(roster.all.isEmpty)
        roster.find(.sample(.orders, "new"), at: now)
        #expect(instances(roster) == ["new"] && home(roster) == "new")
        #expect(roster.all.first.map { now - $0.heardAt } == Roster.patience)
        // One that speaks takes its place.
        roster.hear(.sample(.orders, "newer", port: 4001), at: now)
        #expect(instances(roster) == ["newer"])
    }

    @Test func `a file keeps the homes, and one that cannot be read is as none`() throws {
        let folder = try TemporaryFolder()
        let file = RosterFile(path: "\(folder.path)/homes.json")
        #expect(file.read().isEmpty)
        let homes: [Announcement] = [
            .sample(.orders, "a", host: "10.0.0.1", port: 4001),
            .sample(.payments, "b", port: 4002, shard: 1, shards: 3, startedAt: start),
        ]
        file.keep(homes)
        #expect(file.read() == homes)
        file.keep([])
        #expect(file.read().isEmpty)
        for text in ["", "{", "[]", #"{"homes":7}"#, #"{"homes":[7]}"#, #"{"homes":[{}]}"#] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/homes.json"))
            #expect(file.read().isEmpty, "\(text)")
        }
        // Where there is no folder nothing is kept, and nobody is troubled.
        let lost = RosterFile(path: "\(folder.path)/none/homes.json")
        lost.keep(homes)
        #expect(lost.read().isEmpty)
    }
}
