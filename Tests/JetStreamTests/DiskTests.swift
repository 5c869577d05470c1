import EventSourcing
import Messaging
import Testing

/// A disk that refuses one call, each in its turn: what a client was told is so after a start.
@Suite struct DiskTests {
    /// What a client knows of what it did.
    private struct Told {
        /// Places that were acknowledged, and what was stored there.
        var stored: [Int: String] = [:]
        /// Places that were taken out, as far as was said.
        var removed: Set<Int> = []
        /// All that may be there though nobody said so.
        var tried: Set<String> = []
    }

    private static func settings(_ disk: Disk, mostWritten: Int = .max) -> SegmentBroker.Settings {
        SegmentBroker.Settings(
            segmentBytes: 1024, cachedBytes: 256, disk: disk.disk(mostWritten: mostWritten))
    }

    private static func store(_ text: String, in shop: Shop, _ told: inout Told) {
        told.tried.insert(text)
        if let place = try? shop.store("a.b", text) { told.stored[place] = text }
    }

    /// A disk that fails once for each call that is made while a client publishes and takes out.
    @Test(arguments: [Int.max, 20])
    func `what was acknowledged is there, whichever call fails`(mostWritten: Int) throws {
        var failures = 0
        while true {
            let disk = Disk()
            let shop = try Shop(settings: Self.settings(disk, mostWritten: mostWritten))
            try shop.create()
            var told = Told()
            disk.fail(after: failures)
            for number in 1...15 { Self.store("\(number)", in: shop, &told) }
            for place in [3, 4, 9] where told.stored[place] != nil {
                let answer = try? shop.request("STREAM.MSG.DELETE.S", #"{"seq":\#(place)}"#)
                told.stored[place] = nil
                if answer != nil { told.removed.insert(place) }
            }
            for number in 16...20 { Self.store("\(number)", in: shop, &told) }
            let hasFailed = disk.hasFailed
            disk.mend()
            Self.store("last", in: shop, &told)
            #expect(told.stored.values.contains("last"), "call \(failures)")
            #expect(told.stored.count >= 16, "call \(failures)")
            let after = try shop.killed()
            let contents = try after.contents()
            for (place, text) in told.stored {
                #expect(
                    contents.contains { $0.sequence == place && $0.text == text },
                    "call \(failures): \(place)")
            }
            #expect(told.removed.isDisjoint(with: contents.map(\.sequence)), "call \(failures)")
            #expect(contents.allSatisfy { told.tried.contains($0.text) }, "call \(failures)")
            guard hasFailed else { break }
            failures += 1
        }
        #expect(failures > 15)
    }

    /// What could not be written is written later, over the half of it that is there.
    @Test(arguments: [Int.max, 20])
    func `what was settled stays so once the disk works again`(mostWritten: Int) throws {
        var failures = 0
        while true {
            let disk = Disk()
            let shop = try Shop(settings: Self.settings(disk, mostWritten: mostWritten))
            try shop.create()
            try shop.consumer()
            try shop.store(1...12)
            disk.fail(after: failures)
            var settled: Set<Int> = []
            for _ in 0..<4 {
                for message in try shop.pull(3) where (message.sequence ?? 0) % 4 != 0 {
                    if try shop.answer(message) { settled.insert(message.sequence ?? 0) }
                }
            }
            let hasFailed = disk.hasFailed
            disk.mend()
            shop.work()
            let after = try shop.killed()
            #expect(try after.progress() == shop.progress(), "call \(failures)")
            after.work(after: .seconds(60))
            let again = try numbers(after.pull(12))
            #expect(settled.isDisjoint(with: again), "call \(failures)")
            #expect(Set(again).isSuperset(of: [4, 8, 12]), "call \(failures)")
            guard hasFailed else { break }
            failures += 1
        }
        #expect(failures > 10)
    }

    @Test func `a start that the disk refuses harms nothing`() throws {
        let shop = try Shop(settings: Self.settings(Disk()))
        try shop.create("S", #","max_msgs_per_subject":9"#)
        try shop.consumer()
        try shop.store(1...12)
        for message in try shop.pull(4).prefix(2) { try shop.answer(message) }
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":8}"#)
        let expected = try shop.contents()
        var failures = 0
        while true {
            let disk = Disk()
            disk.fail(after: failures)
            let refused = try? Shop(try shop.folder.copy(), settings: Self.settings(disk))
            let hasFailed = disk.hasFailed
            disk.mend()
            if let refused {
                // A stream that could not be opened is found once it can be.
                refused.work(after: .seconds(1))
                #expect(try refused.contents() == expected, "call \(failures)")
                #expect(try refused.store("a.c", "new") == 13, "call \(failures)")
                let after = try refused.killed()
                #expect(try after.contents().dropLast() == expected[...], "call \(failures)")
                #expect(try after.progress()["floor"] == 5, "call \(failures)")
            }
            guard hasFailed else { break }
            failures += 1
        }
        #expect(failures > 10)
    }

    @Test func `a stream or consumer whose making was refused can be made again`() throws {
        var failures = 0
        while true {
            let disk = Disk()
            let shop = try Shop(settings: Self.settings(disk))
            try shop.create("T", subjects: "t")
            disk.fail(after: failures)
            let wasMade = (try? shop.consumer("C", of: "T")) != nil
            let hasFailed = disk.hasFailed
            disk.mend()
            #expect(wasMade != hasFailed)
            let after = try shop.killed()
            #expect(((try? after.progress("C", of: "T")) != nil) == wasMade, "call \(failures)")
            for shop in [shop, after] {
                try shop.consumer("C", of: "T")
                try shop.store("t", "x")
                #expect(try numbers(shop.pull(1, from: "C", of: "T")) == [1])
            }
            guard hasFailed else { break }
            failures += 1
        }
        #expect(failures > 2)
    }
}
