import EventSourcing
import Foundation
import Glibc
import Messaging
import Simulation
import TestKit
import Testing

@Suite struct SegmentBrokerTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test func `a second broker on the same folder is refused`() throws {
        let first = try folder.open()
        let error = #expect(throws: BrokerError.self) { _ = try folder.open() }
        #expect(error?.description.contains("another broker has \(folder.path) open") == true)
        #expect(try first.publish(messages(1...1), to: "orders", expectedLast: 0) == 1)
    }

    @Test func `a folder without a parent is refused with its name`() {
        let error = #expect(throws: BrokerError.self) {
            _ = try SegmentBroker(folder: "\(folder.path)/a/b", runtime: SteppedRuntime())
        }
        #expect(error?.description.contains("\(folder.path)/a/b") == true)
    }

    @Test func `a stream's folder cannot be created over a file`() throws {
        let broker = try folder.open()
        try write([], "\(folder.path)/orders")
        #expect(throws: BrokerError.self) {
            _ = try broker.publish(messages(1...1), to: "orders", expectedLast: 0)
        }
        #expect(try broker.state(of: "orders").last == 0)
    }

    /// The header's last four bytes are its checksum: CRC-32C of what is before, as another program
    /// computes it.
    @Test func `the format is as written`() throws {
        do {
            let broker = try folder.open()
            let message = BrokerMessage(subject: "a", id: "bc", headers: [7], payload: [8, 9])
            _ = try broker.publish([message], to: "orders", expectedLast: 0)
        }
        #expect(folder.names() == ["00000000000000000001.segment"])
        let file = try bytes(folder.segments()[0])
        #expect(Array(file[..<12]) == Array("KASSASEG".utf8) + [2, 0, 0, 0])
        #expect(Array(file[12..<20]) == [1, 0, 0, 0, 0, 0, 0, 0])
        #expect(Array(file[28..<32]) == checksum(file[..<28]))
        let record =
            [30, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] + Array(file[20..<28])
            + [1, 0, 2, 0, 1, 0, 0, 0] + Array("abc".utf8)
            + [7, 8, 9]
        #expect(Array(file[36...]) == record)
        #expect(Array(file[32..<36]) == checksum(record[...]))
        #expect(checksum(Array("123456789".utf8)[...]) == [0x83, 0x92, 0x06, 0xE3])
    }

    @Test func `a file of another version is refused with a clear message`() throws {
        do { _ = try folder.open().publish(messages(1...3), to: "orders", expectedLast: 0) }
        let path = try #require(folder.segments().first)
        var file = try bytes(path)
        file[8] = 3
        file.replaceSubrange(28..<32, with: checksum(file[..<28]))
        try write(file, path)
        let error = #expect(throws: BrokerError.self) { _ = try folder.open() }
        #expect(error?.description.contains("has format version 3, this program reads 2") == true)
        #expect(try bytes(path) == file)
    }

    @Test func `segments are rolled, and the oldest dropped by size`() throws {
        let settings = SegmentBroker.Settings(
            segmentBytes: 4096, retainedBytes: 16_384, cachedBytes: 2048)
        do {
            let broker = try folder.open(settings)
            for number in 1...2000 {
                let last = UInt64(number - 1)
                _ = try broker.publish([message(number)], to: "orders", expectedLast: last)
            }
            let state = try broker.state(of: "orders")
            #expect((4...5).contains(folder.segments().count))
            #expect(state.first > 1700 && state.last == 2000)
            let got = try drain(broker)
            #expect(sequences(got) == Array(Int(state.first)...2000))
            #expect(got.map(\.message) == messages(Int(state.first)...2000))
        }
        let notices = Notices()
        let broker = try folder.open(settings, notices: notices)
        let state = try broker.state(of: "orders")
        #expect(state.first > 1700 && state.newest == message(2000))
        #expect(notices.all == [])
    }

    @Test func `old segments are dropped by age`() throws {
        let runtime = SteppedRuntime()
        let broker = try folder.open(
            .init(segmentBytes: 1024, retainedAge: .seconds(3600), cachedBytes: 0), runtime: runtime
        )
        var last: UInt64 = 0
        for _ in 0..<10 {
            last = try broker.publish(messages(1...20), to: "orders", expectedLast: last)
            runtime.advance(by: .seconds(1200))
        }
        // A segment goes when the one after it was begun more than 3,600 s ago: then all it has is
        // older.
        #expect(
            try broker.state(of: "orders")
                == StreamState(first: 101, last: 200, newest: message(20)))
        #expect(folder.segments().count == 5)
    }

    @Test func `a consumer behind the window begins with the oldest kept`() throws {
        let settings = SegmentBroker.Settings(
            segmentBytes: 1024, retainedBytes: 4096, cachedBytes: 0)
        let broker = try folder.open(settings)
        _ = try broker.publish(messages(1...10), to: "orders", expectedLast: 0)
        #expect(try sequences(broker.fetch(payments, limit: 5, wait: .zero)) == [1, 2, 3, 4, 5])
        try broker.acknowledge(payments, through: 2)
        for start in stride(from: 11, through: 491, by: 10) {
            _ = try broker.publish(
                messages(start...start + 9), to: "orders", expectedLast: UInt64(start - 1))
        }
        let first = Int(try broker.state(of: "orders").first)
        #expect(first > 400)
        #expect(try sequences(drain(broker)) == Array(first...500))
    }

    @Test func `a filter that wants little passes over a long history on disk`() throws {
        let broker = try folder.open(.init(segmentBytes: 256 * 1024, cachedBytes: 1024))
        let rare = BrokerMessage(subject: "rare.x", id: "1", headers: [], payload: [1])
        _ = try broker.publish([rare], to: "orders", expectedLast: 0)
        for batch in 0..<6 {
            let many = messages(1...100, size: 10_000)
            _ = try broker.publish(many, to: "orders", expectedLast: UInt64(batch * 100 + 1))
        }
        _ = try broker.publish([rare], to: "orders", expectedLast: 601)
        _ = try broker.publish(messages(1...10, size: 1000), to: "orders", expectedLast: 602)
        let wanted = Subscription(stream: "orders", consumer: "few", filter: "rare")
        #expect(try sequences(drain(broker, wanted)) == [1, 602])
    }

    @Test func `a disk that is full loses nothing and takes nothing`() throws {
        let broker = try folder.open(.init(segmentBytes: 1024, cachedBytes: 0))
        _ = try broker.publish(messages(1...15), to: "orders", expectedLast: 0)
        // A device that refuses every write stands in for the full disk.
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/orders/00000000000000000016.segment",
            withDestinationPath: "/dev/full")
        let error = #expect(throws: BrokerError.self) {
            _ = try broker.publish(messages(16...18), to: "orders", expectedLast: 15)
        }
        #expect(error?.description.contains("No space left") == true)
        #expect(try broker.state(of: "orders").last == 15)
        #expect(folder.segments().count == 1)
        #expect(try broker.publish(messages(16...18), to: "orders", expectedLast: 15) == 18)
        #expect(try sequences(drain(broker)) == Array(1...18))
    }

    /// CRC-32C bit by bit, little-endian.
    private func checksum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
        }
        return (0..<4).map { UInt8(truncatingIfNeeded: ~crc >> UInt32($0 * 8)) }
    }

    @Test
    func `a folder is free as soon as its broker has gone, though a copy of its lock is left`()
        throws
    {
        var broker: SegmentBroker? = try folder.open()
        _ = try broker?.publish(messages(1...1), to: "orders", expectedLast: 0)
        // As a process has it that is being started and does not run its program yet.
        let lock = try #require(openFile("\(folder.path)/.lock"))
        let copy = dup(lock)
        defer { close(copy) }
        broker = nil
        #expect(try folder.open().state(of: "orders").last == 1)
    }

    /// This process's descriptor of a file.
    private func openFile(_ path: String) -> Int32? {
        let wanted = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap(Int32.init).first {
            let target = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/self/fd/\($0)")
            return target == wanted
        }
    }

}
