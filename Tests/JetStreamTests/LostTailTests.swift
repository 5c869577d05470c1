import EventSourcing
import Testing

/// A machine that stops loses what was not on its disk: a segment's end may be missing while the
/// files beside it are whole. What comes in those places later is new.
@Suite struct LostTailTests {
    /// The folder after the newest messages are lost, of which each has one byte of payload.
    private func lose(_ count: Int, of shop: Shop) throws -> Shop {
        let copy = try shop.folder.copy()
        let name = try #require(copy.files(".segment").last)
        // Head, subject and payload of a record.
        try copy.write(try copy.bytes(name).dropLast(count * (32 + 3 + 1)), name)
        return try Shop(copy)
    }

    @Test func `what is older than a lost message is still there`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.store(1...5)
        try shop.request(
            "STREAM.UPDATE.S", #"{"name":"S","subjects":["a.>"],"description":"new"}"#)
        let after = try lose(1, of: shop)
        #expect(try after.contents().map(\.text) == ["1", "2", "3", "4"])
    }

    @Test func `what was taken out of a lost place is not what comes there`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.store(1...6)
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":5}"#)
        let after = try lose(3, of: shop)
        try after.store(7...9)
        let expected = try after.contents()
        #expect(expected.map(\.text) == ["1", "2", "3", "7", "8", "9"])
        #expect(try after.killed().contents() == expected)
    }

    @Test func `what was settled in a lost place is not what comes there`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer()
        try shop.store(1...6)
        for message in try shop.pull(6) { try shop.answer(message) }
        let after = try lose(3, of: shop)
        try after.store(7...8)
        let again = try after.killed()
        #expect(try again.pull(9).map(\.text) == ["7", "8"])
    }

    @Test func `a stream whose only file is cut off can be made again`() throws {
        let shop = try Shop()
        try shop.create()
        let name = try #require(shop.folder.files("jetstream/stream.a").first)
        let whole = try shop.folder.bytes(name)
        for length in stride(from: 0, to: whole.count, by: 11) {
            let copy = try shop.folder.copy()
            try copy.write(whole.prefix(length), name)
            let after = try Shop(copy)
            #expect(throws: Never.self, "\(length)") {
                try after.create()
                try after.store("a.b", "x")
            }
        }
    }
}
