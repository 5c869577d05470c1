import EventSourcing
import Foundation
import Messaging
import TestKit
import Testing

/// What the next process finds when this one is killed.
@Suite struct RestartTests {
    /// Files that are rolled after a few messages, and hardly any memory.
    private static let small = SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 0)
    private static let settings = [SegmentBroker.Settings(), small]

    @Test(arguments: settings.indices)
    func `streams, messages, gaps and settings survive`(index: Int) throws {
        let settings = Self.settings[index]
        let shop = try Shop(settings: settings)
        try shop.create("S", #","max_msgs_per_subject":20,"allow_direct":true"#)
        try shop.create("T", subjects: "t.*", #","description":"other""#)
        for number in 1...60 { try shop.store("a.\(number % 7)", "\(number)") }
        try shop.store("t.x", "t")
        for sequence in [1, 2, 30, 31, 60] {
            try shop.request("STREAM.MSG.DELETE.S", #"{"seq":\#(sequence)}"#)
        }
        let after = try shop.killed(settings: settings)
        for name in ["S", "T"] {
            #expect(try after.state(name) == shop.state(name))
            #expect(try after.contents(name) == shop.contents(name))
            let (now, before) = (
                try after.request("STREAM.INFO.\(name)"), try shop.request("STREAM.INFO.\(name)")
            )
            #expect(now["config"] == before["config"] && now["created"] == before["created"])
        }
        #expect(try after.state() == Shop.State(55, first: 3, last: 60))
        #expect(after.notices.all == [])
        #expect(try after.store("a.b") == 61 && after.store("t.y") == 2)
    }

    @Test(arguments: settings.indices)
    func `consumers survive, with what is unsettled and how often it came`(index: Int) throws {
        let settings = Self.settings[index]
        let shop = try Shop(settings: settings)
        try shop.create()
        try shop.consumer("C", of: "S", #","ack_policy":"explicit","ack_wait":10000000000"#)
        try shop.consumer("A", of: "S", #","ack_policy":"all""#)
        try shop.consumer("N", of: "S", #","ack_policy":"none""#)
        try shop.store(1...30)
        let got = try shop.pull(10)
        for place in [0, 1, 4, 9] { try shop.answer(got[place]) }
        shop.work(after: .seconds(11))
        #expect(try numbers(shop.pull(1)) == [3])
        try shop.answer(try shop.pull(7, from: "A")[4])
        #expect(try shop.pull(6, from: "N").count == 6)
        let after = try shop.killed(settings: settings)
        for name in ["C", "A", "N"] {
            var (now, before) = (try after.progress(name), try shop.progress(name))
            now["num_waiting"] = nil
            before["num_waiting"] = nil
            #expect(now == before, "\(name)")
        }
        #expect(try numbers(after.pull(2)) == [11, 12])
        #expect(try numbers(after.pull(2, from: "A")) == [8, 9])
        #expect(try numbers(after.pull(2, from: "N")) == [7, 8])
        after.work(after: .seconds(60))
        let again = try after.pull(30)
        #expect(Set(numbers(again.filter { ($0.attempt ?? 0) > 1 })) == [3, 4, 6, 7, 8, 9, 11, 12])
        #expect(again.first { $0.sequence == 3 }?.attempt == 3)
        #expect(again.first { $0.sequence == 4 }?.attempt == 2)
        #expect(Set(numbers(again)).isDisjoint(with: [1, 2, 5, 10]))
    }

    @Test func `a stream of which another build wrote is not made anew`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.store(1...3)
        let folder = try shop.folder.copy()
        var whole: [String: Data] = [:]
        for side in ["a", "b"] {
            let path = "\(folder.path)/S/jetstream/stream.\(side)"
            guard var data = FileManager.default.contents(atPath: path) else { continue }
            whole[path] = data
            // The next version of the format, under a good checksum.
            data[8] = 2
            let sum = Self.checksum(data[..<28])
            for index in 0..<4 { data[28 + index] = UInt8(truncatingIfNeeded: sum >> (8 * index)) }
            try data.write(to: URL(fileURLWithPath: path))
        }
        #expect(!whole.isEmpty)
        let after = try Shop(folder)
        #expect(throws: Shop.Refusal.self) { try after.create() }
        #expect(throws: Shop.Refusal.self) { try after.create("S", #","description":"other""#) }
        // The build that wrote it finds all of it.
        for (path, data) in whole { try data.write(to: URL(fileURLWithPath: path)) }
        try after.create()
        #expect(try after.state() == Shop.State(3, first: 1, last: 3))
    }

    /// CRC-32C, bit by bit.
    private static func checksum(_ bytes: Data) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        return ~sum
    }

    @Test func `a message that was given up stays given up`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer(
            "C", of: "S", #","ack_policy":"explicit","max_deliver":2,"ack_wait":1000000000"#)
        try shop.store(1...3)
        for _ in 0..<2 {
            #expect(try shop.pull(9).count == 3)
            shop.work(after: .seconds(2))
        }
        let soon = try shop.killed()
        #expect(try shop.pull(9).isEmpty)
        let late = try shop.killed()
        for after in [soon, late] {
            after.work(after: .seconds(60))
            #expect(try after.pull(9).isEmpty)
            #expect(try after.progress()["num_ack_pending"] == 0)
        }
    }

    @Test func `ids are remembered for their time`() throws {
        let shop = try Shop()
        try shop.create("S", #","duplicate_window":10000000000"#)
        try shop.store("a.b", "one", [("Nats-Msg-Id", "x")])
        shop.runtime.advance(by: .seconds(6))
        try shop.store("a.b", "two", [("Nats-Msg-Id", "y")])
        shop.runtime.advance(by: .seconds(5))
        let after = try shop.killed()
        #expect(try after.store("a.b", "no", [("Nats-Msg-Id", "y")]) == 2)
        #expect(try after.store("a.b", "yes", [("Nats-Msg-Id", "x")]) == 3)
        #expect(
            try after.store("a.b", "", [("Nats-Expected-Last-Msg-Id", "x")]) == 4)
    }

    @Test(arguments: settings.indices)
    func `a stream that is empty goes on with its numbers`(index: Int) throws {
        let settings = Self.settings[index]
        let shop = try Shop(settings: settings)
        try shop.create()
        try shop.consumer()
        try shop.store(1...40)
        let got = try shop.pull(30)
        for message in got.prefix(3) { try shop.answer(message) }
        try shop.request("STREAM.PURGE.S")
        let after = try shop.killed(settings: settings)
        let again = try after.killed(settings: settings)
        for shop in [after, again] {
            #expect(try shop.state() == Shop.State(0, first: 41, last: 40))
            let progress = try shop.progress()
            #expect(progress["num_ack_pending"] == 0 && progress["num_pending"] == 0)
            #expect(try shop.store("a.b", "new") == 41)
            #expect(try numbers(shop.pull(9)) == [41])
        }
    }

    @Test func `what was removed stays removed`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer()
        try shop.consumer("D")
        try shop.store(1...3)
        try shop.request("CONSUMER.DELETE.S.C")
        var after = try shop.killed()
        #expect(try after.request("CONSUMER.NAMES.S").array("consumers") == [.string("D")])
        try shop.request("STREAM.DELETE.S")
        after = try shop.killed()
        #expect(try after.request("STREAM.NAMES").integer("total") == 0)
        #expect(after.notices.all == [])
        try after.create()
        #expect(try after.store("a.b") == 1)
        #expect(try after.request("CONSUMER.NAMES.S").array("consumers") == [])
    }

    @Test func `the shop's own stream is offered, and is nobody else's`() throws {
        let folder = try Folder()
        do {
            let broker = try SegmentBroker(folder: folder.path, runtime: SteppedRuntime())
            let message = BrokerMessage(
                subject: "kassa.orders.facts", id: "1", headers: [], payload: [0x78])
            _ = try broker.publish([message], to: "kassa-orders", expectedLast: 0)
        }
        let shop = try Shop(folder)
        #expect(try shop.contents("kassa-orders").map(\.text) == ["x"])
        for operation in ["DELETE", "PURGE"] {
            #expect(throws: Shop.Refusal.self) {
                try shop.request("STREAM.\(operation).kassa-orders")
            }
        }
        try shop.consumer("C", of: "kassa-orders")
        let got = try shop.pull(1, from: "C", of: "kassa-orders")
        #expect(got[0].header("Nats-Msg-Id") == "1")
        try shop.answer(got[0])
        let after = try shop.killed()
        #expect(try after.progress("C", of: "kassa-orders")["floor"] == 1)
        #expect(try after.state("kassa-orders") == Shop.State(1, first: 1, last: 1))
    }

    @Test func `where others publish they go on in a stream that one process has left`() throws {
        let folder = try Folder()
        do {
            let broker = try SegmentBroker(folder: folder.path, runtime: SteppedRuntime())
            let message = BrokerMessage(
                subject: "kassa.orders.facts", id: "1", headers: [], payload: [0x78])
            _ = try broker.publish([message], to: "kassa-orders", expectedLast: 0)
        }
        let shop = try Shop(folder, publishersAreElsewhere: true)
        #expect(try shop.store("kassa.orders.facts", "y") == 2)
        let after = try shop.killed()
        #expect(try after.store("kassa.orders.facts", "z") == 3)
        #expect(try after.contents("kassa-orders").map(\.text) == ["x", "y", "z"])
        #expect(after.notices.all == [])
    }

    @Test(arguments: [false, true])
    func `where others publish a stream of the shop's whose file is lost takes messages again`(
        isDamaged: Bool
    ) throws {
        let shop = try Shop(publishersAreElsewhere: true)
        try shop.create("kassa-orders", subjects: "kassa.orders.>")
        try shop.store(1...3, to: "kassa.orders.x")
        let folder = try shop.folder.copy()
        let files = folder.files().filter { $0.contains("/jetstream/stream.") }
        #expect(!files.isEmpty)
        for name in files {
            if isDamaged {
                try folder.write([0xFF], name)
            } else {
                try FileManager.default.removeItem(atPath: "\(folder.path)/\(name)")
            }
        }
        let after = try Shop(folder, publishersAreElsewhere: true)
        #expect(try after.store("kassa.orders.x", "4") == 4)
        #expect(try after.contents("kassa-orders").map(\.text) == ["1", "2", "3", "4"])
    }
}
