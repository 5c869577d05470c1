import EventSourcing
import Messaging
import Testing

/// A disk that refuses one call: what was said before stays true.
@Suite struct RefusedDiskTests {
    private static func settings(_ disk: Disk) -> SegmentBroker.Settings {
        SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 256, disk: disk.disk())
    }

    /// Runs `body` with a disk that refuses the first call, then the second, until none fails.
    private func sweep(_ body: (Disk, Shop, Int) throws -> Void) throws {
        var failures = 0
        while true {
            let disk = Disk()
            try body(disk, try Shop(settings: Self.settings(disk)), failures)
            guard disk.hasFailed else { break }
            failures += 1
        }
        #expect(failures > 0)
    }

    @Test func `what a client was told is settled is not handed out again`() throws {
        try sweep { (disk, shop, call) throws in
            try shop.create()
            try shop.consumer("C", of: "S", #","ack_policy":"explicit","ack_wait":10000000000"#)
            try shop.store(1...6)
            let got = try shop.pull(6)
            disk.fail(after: call)
            var settled: Set<Int> = []
            for message in got where !disk.hasFailed {
                if try shop.answer(message) { settled.insert(message.sequence ?? 0) }
            }
            let after = try shop.killed()
            after.work(after: .seconds(60))
            #expect(try settled.isDisjoint(with: numbers(after.pull(9))), "call \(call)")
        }
    }

    @Test func `what a client was told was stored before is there`() throws {
        try sweep { (disk, shop, call) throws in
            try shop.create()
            let inbox = try shop.subscribe()
            disk.fail(after: call)
            for _ in 0..<2 {
                try shop.say("a.b", "x", headers: [("Nats-Msg-Id", "x")], reply: inbox)
            }
            shop.work()
            let stored = try shop.heard(inbox).filter { !$0.text.contains("error") }
            let after = try shop.killed()
            #expect(try stored.isEmpty || after.contents().count == 1, "call \(call)")
        }
    }

    @Test func `what was refused is stored once when it comes again with its id`() throws {
        try sweep { (disk, shop, call) throws in
            try shop.create("S", #","max_msgs_per_subject":3"#)
            try shop.store(1...3)
            disk.fail(after: call)
            for _ in 0..<2 { _ = try? shop.store("a.b", "new", [("Nats-Msg-Id", "x")]) }
            disk.mend()
            #expect(try shop.contents().count { $0.text == "new" } == 1, "call \(call)")
        }
    }

    @Test func `a limit holds again once the disk works`() throws {
        try sweep { (disk, shop, call) throws in
            try shop.create("S", #","max_msgs_per_subject":3"#)
            for number in 1...9 { try shop.store("a.\(number % 2)", "\(number)") }
            disk.fail(after: call)
            _ = try? shop.store("a.0", "10")
            disk.mend()
            for number in 11...12 { try shop.store("a.\(number % 2)", "\(number)") }
            let counts = Dictionary(grouping: try shop.contents(), by: \.subject).mapValues(\.count)
            #expect(counts == ["a.0": 3, "a.1": 3], "call \(call)")
        }
    }

    /// A consumer whose messages are counted one by one, in files that the disk may refuse to read;
    /// 30 of them are wanted.
    private func filtered(_ disk: Disk, _ shop: Shop) throws -> Shop {
        try shop.create()
        try shop.consumer("C", of: "S", #","ack_policy":"none","filter_subject":"a.b""#)
        for number in 1...60 {
            try shop.store("a.\(number % 2 == 0 ? "b" : "c")", "\(1_000_000_000 + number)")
        }
        return try shop.killed(settings: Self.settings(disk))
    }

    @Test func `a consumer says rightly how many messages wait, or that it cannot`() throws {
        try sweep { (disk, shop, call) throws in
            let after = try filtered(disk, shop)
            disk.fail(after: call)
            for operation in ["CONSUMER.LIST.S", "CONSUMER.INFO.S.C"] {
                do {
                    let answer = try after.request(operation)
                    let info = try answer["consumers"].map { _ in
                        try answer.objects("consumers")[0]
                    }
                    #expect(try (info ?? answer).integer("num_pending") == 30, "call \(call)")
                } catch let refusal as Shop.Refusal {
                    #expect(refusal == Shop.Refusal(code: 503, number: 10008))
                    #expect(disk.hasFailed, "call \(call)")
                }
            }
        }
    }

    @Test func `with a message comes how many are left, or it comes later`() throws {
        try sweep { (disk, shop, call) throws in
            let after = try filtered(disk, shop)
            disk.fail(after: call)
            let inbox = try after.begin(#"{"batch":30}"#)
            for _ in 0..<3 { after.work(after: .seconds(2)) }
            let rests = try after.heard(inbox).filter { $0.status == nil }.map(\.rest)
            #expect(rests == (0..<30).reversed(), "call \(call)")
            #expect(disk.hasFailed == !after.notices.all.isEmpty, "call \(call)")
        }
    }

    @Test func `an id that was refused is not the last one`() throws {
        let disk = Disk()
        let shop = try Shop(settings: Self.settings(disk))
        try shop.create()
        try shop.store("a.b", "one", [("Nats-Msg-Id", "x")])
        disk.fail(after: 0)
        #expect(throws: Shop.Refusal.self) {
            try shop.store("a.b", "two", [("Nats-Msg-Id", "y")])
        }
        #expect(try shop.store("a.b", "three", [("Nats-Expected-Last-Msg-Id", "x")]) == 2)
    }

    @Test func `a stream whose making was refused can be made again`() throws {
        try sweep { (disk, shop, call) throws in
            disk.fail(after: call)
            let wasMade = (try? shop.create()) != nil
            disk.mend()
            let after = try shop.killed()
            for shop in [shop, after] {
                shop.work(after: .seconds(1))
                let total = try shop.request("STREAM.NAMES").integer("total")
                #expect(total == (wasMade ? 1 : 0), "call \(call)")
                #expect(throws: Never.self, "call \(call)") {
                    try shop.create()
                    try shop.store("a.b", "x")
                }
            }
        }
    }

    @Test func `a consumer whose removal was refused is gone, or as it was`() throws {
        try sweep { (disk, shop, call) throws in
            try shop.create()
            try shop.consumer()
            try shop.store(1...5)
            // Two more whole states, so that there is one from before.
            for most in [7, 8] {
                try shop.consumer(
                    "C", of: "S", #","ack_policy":"explicit","max_ack_pending":\#(most)"#)
            }
            for message in try shop.pull(3) { try shop.answer(message) }
            disk.fail(after: call)
            _ = try? shop.request("CONSUMER.DELETE.S.C")
            let after = try shop.killed()
            guard let progress = try? after.progress() else { return }
            #expect(progress["floor"] == 3, "call \(call)")
        }
    }

    @Test func `a stream whose removal was refused can be removed, and made again`() throws {
        try sweep { (disk, shop, call) throws in
            try shop.create()
            try shop.consumer()
            try shop.store(1...3)
            disk.fail(after: call)
            _ = try? shop.request("STREAM.DELETE.S")
            disk.mend()
            let after = try shop.killed()
            for shop in [shop, after] {
                shop.work(after: .seconds(1))
                _ = try? shop.request("STREAM.DELETE.S")
                #expect(throws: Never.self, "call \(call)") {
                    try shop.create()
                    #expect(try shop.store("a.b", "x") == 1, "call \(call)")
                    try shop.consumer()
                    #expect(try shop.pull(9).map(\.text) == ["x"], "call \(call)")
                }
            }
        }
    }
}
