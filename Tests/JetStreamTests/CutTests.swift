import EventSourcing
import Messaging
import TestKit
import Testing

/// Files that end too early: what was before the last change is there, and nothing traps.
@Suite struct CutTests {
    /// Opens the folder with one file cut off at each length.
    ///
    /// - Parameters:
    ///   - step: so many lengths apart, where there are many that are alike.
    ///   - check: told how many bytes were left, and with what was opened.
    private func cut(
        _ folder: Folder, _ name: String, lengths: Range<Int>? = nil, step: Int = 1,
        _ check: (Int, Shop) throws -> Void
    ) throws {
        let whole = try folder.bytes(name)
        for length in lengths ?? 0..<whole.count where length % step == 0 {
            let copy = try folder.copy()
            try copy.write(whole.prefix(length), name)
            try check(length, try Shop(copy))
        }
    }

    @Test func `a consumer's file without its last word is as it was before that`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer()
        try shop.store(1...3)
        let got = try shop.pull(3)
        let name = try #require(shop.folder.files("consumer-C.a").first)
        try shop.answer(got[0])
        let before = try shop.folder.bytes(name).count
        let expected = try shop.progress()
        try shop.answer(got[1])
        let after = try shop.folder.bytes(name).count
        #expect(after > before)
        let later = try shop.progress()
        #expect(later != expected)
        try cut(shop.folder, name, lengths: before..<after) { (length, shop) throws in
            #expect(try shop.progress() == expected, "\(length)")
            // The word can be said again, and is kept.
            try shop.answer(got[1])
            #expect(try shop.killed().progress() == later, "\(length)")
        }
    }

    @Test func `a consumer's file without its newest whole state is as it was before that`() throws
    {
        let shop = try Shop()
        try shop.create()
        try shop.consumer()
        try shop.store(1...5)
        for message in try shop.pull(3) { try shop.answer(message) }
        let expected = try shop.progress()
        try shop.consumer("C", of: "S", #","ack_policy":"explicit","max_ack_pending":1"#)
        let name = try #require(shop.folder.files("consumer-C.b").first)
        try cut(shop.folder, name, step: 5) { (length, shop) throws in
            #expect(try shop.progress() == expected, "\(length)")
            #expect(try numbers(shop.pull(9)) == [4, 5], "\(length)")
        }
    }

    @Test func `a consumer's only file, cut off, is a consumer less, and says so`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.store(1...2)
        let state = try shop.contents()
        try shop.consumer()
        let name = try #require(shop.folder.files("consumer-C.a").first)
        try cut(shop.folder, name, step: 5) { (length, shop) throws in
            #expect(throws: Shop.Refusal(code: 404, number: 10014), "\(length)") {
                try shop.progress()
            }
            #expect(shop.notices.all.contains { $0.contains("consumer-C") }, "\(length)")
            #expect(try shop.contents() == state, "\(length)")
            try shop.consumer()
            #expect(try shop.killed().progress()["num_pending"] == 2, "\(length)")
        }
    }

    @Test func `a stream's file without its last gap has all gaps before that`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.store(1...9)
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":3}"#)
        let name = try #require(shop.folder.files("jetstream/stream.a").first)
        let before = try shop.folder.bytes(name).count
        let expected = try shop.contents()
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":6}"#)
        let after = try shop.folder.bytes(name).count
        let later = try shop.contents()
        try cut(shop.folder, name, lengths: before..<after) { (length, shop) throws in
            #expect(try shop.contents() == expected, "\(length)")
            try shop.request("STREAM.MSG.DELETE.S", #"{"seq":6}"#)
            #expect(try shop.killed().contents() == later, "\(length)")
        }
    }

    @Test func `a stream's file without its newest whole state is as it was before that`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.store(1...9)
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":3}"#)
        let expected = try shop.contents()
        let config = try shop.request("STREAM.INFO.S")["config"]
        try shop.request(
            "STREAM.UPDATE.S", #"{"name":"S","subjects":["a.>"],"description":"new"}"#)
        let name = try #require(shop.folder.files("jetstream/stream.b").first)
        try cut(shop.folder, name, step: 5) { (length, shop) throws in
            #expect(try shop.contents() == expected, "\(length)")
            #expect(try shop.request("STREAM.INFO.S")["config"] == config, "\(length)")
            #expect(try shop.store("a.b") == 10, "\(length)")
        }
    }

    @Test func `a segment that is cut off holds all that is whole in it`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer()
        try shop.store(1...6)
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":2}"#)
        for message in try shop.pull(4) { try shop.answer(message) }
        let expected = try shop.contents()
        let name = try #require(shop.folder.files(".segment").first)
        var seen: Set<Int> = []
        try cut(shop.folder, name, step: 5) { (length, shop) throws in
            let contents = try shop.contents()
            #expect(contents[...] == expected.prefix(contents.count), "\(length)")
            seen.insert(contents.count)
            // The places are given anew, and the consumer hands out what comes there.
            let last = try shop.state().last
            #expect(try shop.progress()["floor"] == min(last, 5), "\(length)")
            #expect(try shop.store("a.b", "new") == last + 1, "\(length)")
            #expect(try shop.pull(9).last?.text == "new", "\(length)")
        }
        #expect(seen == [0, 1, 2, 3, 4])
    }

    /// Each may be the newest or the older one, and end anywhere.
    @Test func `no file of a stream, cut off anywhere, keeps a server from opening`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer()
        try shop.store(1...4)
        try shop.answer(try shop.pull(2)[0])
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":3}"#)
        try shop.request(
            "STREAM.UPDATE.S", #"{"name":"S","subjects":["a.>"],"description":"new"}"#)
        try shop.consumer("C", of: "S", #","ack_policy":"explicit","max_ack_pending":1"#)
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":2}"#)
        try shop.answer(try shop.pull(2)[0])
        let names = shop.folder.files().filter { $0.contains("jetstream/") }
        #expect(names.count == 4)
        for name in names {
            try cut(shop.folder, name, step: 7) { (length, shop) throws in
                let contents = try shop.contents().map(\.sequence)
                #expect([[1, 4], [1, 2, 4]].contains(contents), "\(name) \(length)")
                let floor = try shop.progress()["floor"]
                #expect((1...4).contains(floor ?? 0), "\(name) \(length)")
            }
        }
    }
}
