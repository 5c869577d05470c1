import Domain
import EventSourcing
import EventStore
import Gateway
import Host
import Messaging
import Testing

/// What goes from process to process is read as it was written, and whatever else comes is refused
/// with the place that is wrong.
@Suite struct WireTests {
    // MARK: Values

    @Test(arguments: [
        Metadata(correlation: String(repeating: "c", count: 257), actor: "a"),
        Metadata(correlation: "", actor: "a"), Metadata(correlation: "c", actor: "a\r\nb: c"),
        Metadata(correlation: "c", actor: "a", trace: String(repeating: "t", count: 5_000_000)),
        Metadata(
            correlation: "c", actor: "a", occurredAt: Timestamp(microseconds: .max)),
        Metadata(
            correlation: "c", actor: "a", occurredAt: Timestamp(microseconds: .min)),
    ])
    func `metadata that could not be published are refused`(metadata: Metadata) throws {
        let sku = try #require(SKU("mug"))
        let command = InnerCommand(
            .receive(sku, quantity: 1, reference: nil), RequestContext(metadata: metadata, key: nil)
        )
        #expect(throws: JSONError.self) { try InnerCommand(command.bytes) }
    }

    @Test func `an announcement comes back as it was, whether it asks or not`() throws {
        var announcement = Announcement.sample(.gateway, "b", health: .halted, shard: 3, shards: 5)
        for resident in [nil, 0, Int64.max] {
            announcement.residentBytes = resident
            for asks in [true, false] {
                let json = try JSON(parsing: announcement.bytes(asks: asks))
                #expect(try Announcement(try JSONObject(json)) == announcement)
                #expect(json["asks"] == (asks ? .bool(true) : nil))
            }
        }
    }

    @Test(arguments: [
        ("part", JSON.string("kitchen")), ("port", .integer(0)), ("port", .integer(65536)),
        ("port", .integer(-1)), ("health", .string("well")), ("shard", .integer(5)),
        ("shard", .integer(-1)), ("shards", .integer(0)), ("shards", .integer(.min)),
        ("shards", .integer(3)), ("shards", .integer(1025)), ("startedAt", .string("yesterday")),
    ])
    func `an announcement that cannot be is refused`(name: String, value: JSON) throws {
        let good = try JSON(
            parsing: Announcement.sample(shard: 3, shards: 5).bytes(asks: false))
        let bad = good.replacing([.member(name)]) { _ in value }
        let error = #expect(throws: JSONError.self) { try Announcement(try JSONObject(bad)) }
        #expect(error?.pointer.hasPrefix(name == "shards" ? "/shard" : "/\(name)") == true)
    }

    @Test func `a command comes back as it was`() throws {
        #expect(WireSample.kinds.count == 11)
        for kind in WireSample.kinds {
            for context in WireSample.contexts {
                let command = InnerCommand(kind, context)
                let read = try InnerCommand(command.bytes)
                #expect(read == command)
                #expect(read.isIdempotent == (context.key != nil))
            }
        }
        #expect(
            WireSample.kinds.map { InnerCommand($0, WireSample.contexts[0]).part }
                == [.orders, .orders, .deliveries, .deliveries]
                + [.orders, .orders, .orders, .orders, .payments, .orders, .notifications])
        #expect(
            WireSample.kinds.map { InnerCommand($0, WireSample.contexts[0]).partitionKey }
                == ["o-1", "o-1", "A 1", "A 1"] + Array(repeating: "o-1", count: 7))
    }

    @Test func `an outcome comes back as it was`() throws {
        #expect(WireSample.outcomeValues.count == 8)
        for outcome in WireSample.outcomeValues {
            #expect(try CommandOutcome(outcome.bytes) == outcome)
        }
    }

    @Test func `a checkpoint and what is said of it come back as they were`() throws {
        for checkpoint in [WireSample.checkpoint, .start] {
            var json = JSONWriter()
            checkpoint.encode(to: &json)
            let read = try Checkpoint(try JSONObject(try JSON(parsing: json.bytes)))
            #expect(read == checkpoint)
        }
        for verdict in WireSample.verdicts {
            #expect(try CheckpointVerdict(verdict.bytes) == verdict)
        }
    }

    @Test func `a page of a feed comes back as it was`() throws {
        let page = WireSample.page
        let empty = FeedPage(
            after: .start, messages: [], through: .start, epoch: .first,
            leaf: WireSample.digest(9), hasMore: false)
        for page in [page, empty] {
            let read = try FeedPage(page.bytes)
            #expect(read.messages == page.messages)
            #expect(read.after == page.after)
            #expect(read.through == page.through)
            #expect(read.epoch == page.epoch)
            #expect(read.leaf == page.leaf)
            #expect(read.hasMore == page.hasMore)
        }
    }

    @Test(arguments: [-1, Int64.min, 1, 3, .max])
    func `a page that holds another number of messages than it says is refused`(
        count: Int64
    ) throws {
        let sample = try #require(WireSample.all.first { $0.name == "a page of a feed" })
        let lying = try sample.json.replacing([.member("messages")]) { _ in .integer(count) }
        #expect(throws: MalformedMessage.self) { try FeedPage(sample.bytes(with: lying)) }
    }

    @Test(arguments: [0, 4]) func `a message longer than the page is refused`(at: Int) throws {
        var bytes = WireSample.page.bytes
        let newline = try #require(bytes.firstIndex(of: UInt8(ascii: "\n")))
        for byte in 0..<4 { bytes[newline + 1 + at + byte] = 0xFF }
        #expect(throws: MalformedMessage.self) { try FeedPage(bytes) }
    }

    @Test func `a page holds events only`() throws {
        let mark = Watermark(
            log: LogName("orders"), channel: "facts", epoch: .first, through: .start,
            leaf: WireSample.digest(1), last: .start, asOf: .epoch, upSince: .epoch, treeSize: 0,
            treeRoot: WireSample.digest(1), read: [:])
        let carried = Bulletin.watermark(mark).brokerMessage
        let page = WireSample.page.bytes
        let newline = try #require(page.firstIndex(of: UInt8(ascii: "\n")))
        var head = try JSON(parsing: Array(page[..<newline]))
        head = head.replacing([.member("messages")]) { _ in .integer(1) }
        var writer = JSONWriter()
        writer.value(head)
        var bytes = writer.bytes + [0x0A]
        for length in [carried.headers.count, carried.payload.count] {
            bytes += [0, 0, UInt8(length >> 8), UInt8(length & 0xFF)]
        }
        bytes += carried.headers + carried.payload
        let error = #expect(throws: MalformedMessage.self) { try FeedPage(bytes) }
        #expect(error?.reason == "a page of a feed holds a watermark")
    }

    // MARK: All forms

    @Test(arguments: WireSample.all)
    func `what is read and written again is the same`(sample: WireSample) throws {
        #expect(try sample.rewrite(sample.bytes) == sample.bytes)
    }

    @Test(arguments: WireSample.all)
    func `members that are not known are passed over`(sample: WireSample) throws {
        let more = JSON.object([
            .init("kassa", .array([.null, .object([.init("a", .bool(true))])]))
        ])
        let json = try sample.json
        for path in json.objects {
            let changed = json.replacing(path) { value in
                guard case .object(let members) = value else { return value }
                return .object([.init("later", more)] + members + [.init("also", .number("1e9"))])
            }
            #expect(try sample.rewrite(sample.bytes(with: changed)) == sample.bytes)
        }
    }

    @Test(arguments: WireSample.all)
    func `a member with another name is missed, and named`(sample: WireSample) throws {
        let json = try sample.json
        for path in json.members {
            let changed = json.replacing(Array(path.dropLast())) { object in
                guard case .object(let members) = object else { return object }
                return .object(
                    members.map { path.last == .member($0.name) ? .init("x", $0.value) : $0 })
            }
            let bytes = sample.bytes(with: changed)
            let name = try #require(path.last?.name)
            if sample.optional.contains(path.compactMap(\.name).joined(separator: ".")) {
                #expect(throws: Never.self) { try sample.rewrite(bytes) }
                continue
            }
            let error = #expect(throws: (any Error).self) { try sample.rewrite(bytes) }
            // Without what says which command it is, it is taken for the last kind.
            let isKind = ["place", "cancel", "steer", "correct", "parked"].contains(name)
            let missed = isKind && path.count == 1 ? "receive" : name
            #expect("\(error, default: "")".contains(missed))
        }
    }

    @Test(arguments: WireSample.all)
    func `a member of another type is refused, and named`(sample: WireSample) throws {
        let json = try sample.json
        for path in json.members {
            for other in [JSON.array([]), .integer(1), .string("?"), .object([]), .number("1.5")] {
                var isSameType = false
                let changed = json.replacing(path) { value in
                    isSameType = value.kind == other.kind
                    return other
                }
                if isSameType { continue }
                let bytes = sample.bytes(with: changed)
                let error = #expect(throws: (any Error).self) { try sample.rewrite(bytes) }
                let name = try #require(path.last?.name)
                #expect("\(error, default: "")".contains(name))
            }
        }
    }

    // MARK: Whatever else comes

    @Test(arguments: WireSample.all) func `what is cut is refused`(sample: WireSample) {
        for count in 0..<sample.bytes.count {
            let part = Array(sample.bytes.prefix(count))
            #expect(throws: (any Error).self) { try sample.rewrite(part) }
        }
    }

    @Test(arguments: WireSample.all) func `what goes on is refused`(sample: WireSample) {
        for more in ["}", "{}", "\0", "\n1"] {
            #expect(throws: (any Error).self) {
                try sample.rewrite(sample.bytes + Array(more.utf8))
            }
        }
    }

    @Test(arguments: WireSample.all) func `garbage is refused`(sample: WireSample) {
        let garbage: [[UInt8]] =
            ["", "\n", "null", "[]", "{}", "{}\n", "1", "\"a\"", "HTTP/1.1 200 OK\r\n\r\n"]
            .map { Array($0.utf8) }
            + [
                [UInt8](repeating: 0, count: 100), [UInt8](repeating: 0xFF, count: 100),
                [UInt8](repeating: UInt8(ascii: "["), count: 100_000),
                Array(String(repeating: "{\"key\":", count: 100_000).utf8),
            ]
        for bytes in garbage {
            #expect(throws: (any Error).self) { try sample.rewrite(bytes) }
        }
    }

    @Test(arguments: WireSample.all)
    func `whatever bytes come are refused, or read as something that can be written`(
        sample: WireSample
    ) throws {
        var generator = SeededGenerator(state: UInt64(sample.bytes.count))
        for _ in 0..<2000 {
            var bytes = sample.bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) { bytes.mutate(&generator) }
            guard let written = try? sample.rewrite(bytes) else { continue }
            #expect(try sample.rewrite(written) == written)
        }
    }
}

extension [UInt8] {
    fileprivate mutating func mutate(_ generator: inout SeededGenerator) {
        guard !isEmpty else { return append(UInt8.random(in: 0...255, using: &generator)) }
        let at = Int.random(in: 0..<count, using: &generator)
        let to = Int.random(in: 0...count, using: &generator)
        // Digits, quotes and signs lead further into a reader than bytes at random.
        let telling = Array("0123456789-\"\\{}[]:,.eE \u{7F}".utf8) + [0, 0x80, 0xC3, 0xFF]
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: self[at] = UInt8.random(in: 0...255, using: &generator)
        case 1: self[at] = telling.randomElement(using: &generator) ?? 0
        case 2: insert(telling.randomElement(using: &generator) ?? 0, at: to)
        case 3: remove(at: at)
        case 4: removeSubrange(Swift.min(at, to)..<Swift.max(at, to))
        default: insert(contentsOf: self[Swift.min(at, to)..<Swift.max(at, to)], at: to)
        }
    }
}
