import EventSourcing
import Foundation
import Messaging
import Simulation
import Synchronization
import Testing

@Suite struct SegmentDamageTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test func `a tail torn at any byte is cut off, and the stream goes on`() throws {
        do { _ = try folder.open().publish(messages(1...3), to: "orders", expectedLast: 0) }
        let path = try #require(folder.segments().first)
        let whole = try bytes(path)
        let record = (whole.count - 32) / 3
        for size in 0..<whole.count {
            try write(Array(whole[..<size]), path)
            let kept = max(size - 32, 0) / record
            let notices = Notices()
            let broker = try folder.open(notices: notices)
            let state = try broker.state(of: "orders")
            #expect(
                state
                    == StreamState(
                        first: 1, last: UInt64(kept), newest: kept == 0 ? nil : message(kept)))
            #expect(
                notices.all.count == (size > 32 && (size - 32) % record == 0 ? 0 : 1)
                    + (size < 32 ? 1 : 0))
            _ = try broker.publish(messages(kept + 1...3), to: "orders", expectedLast: UInt64(kept))
            #expect(
                try broker.fetch(payments, limit: 9, wait: .zero).map(\.message) == messages(1...3))
        }
    }

    /// Each bit of each byte of two segments and of the acknowledgements, one at a time.
    @Test func `a flipped bit anywhere never yields a wrong message`() throws {
        let settings = SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 0)
        do {
            let broker = try folder.open(settings)
            for number in 1...18 {
                _ = try broker.publish(
                    [message(number)], to: "orders", expectedLast: UInt64(number - 1))
            }
            _ = try broker.fetch(payments, limit: 1, wait: .zero)
            try broker.acknowledge(payments, through: 1)
        }
        let paths = folder.segments() + ["\(folder.path)/orders/consumers"]
        #expect(paths.count == 3)
        let originals = try paths.map(bytes)
        for (path, original) in zip(paths, originals) {
            for at in original.indices {
                var damaged = original
                damaged[at] ^= 1 << UInt8(at % 8)
                try write(damaged, path)
                let notices = Notices()
                do {
                    let broker = try folder.open(settings, notices: notices)
                    let other = Subscription(stream: "orders", consumer: "other", filter: "")
                    let got = try drain(broker, other)
                    let numbers = sequences(got)
                    #expect(got.map(\.message) == numbers.map { message($0) })
                    #expect(
                        numbers == Array((numbers.first ?? 1)..<(numbers.first ?? 1) + got.count))
                    let isSegment = path.hasSuffix(".segment")
                    #expect(isSegment ? got.count < 18 : got.count == 18, "byte \(at) of \(path)")
                    #expect(!isSegment || !notices.all.isEmpty, "byte \(at) of \(path)")
                }
                for (path, original) in zip(paths, originals) { try write(original, path) }
            }
        }
    }

    @Test func `a damaged older segment is given up with a notice, and what is newer stays`() throws
    {
        let settings = SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 0)
        do { try publishOneByOne(1...50, settings) }
        let paths = folder.segments()
        #expect(paths.count >= 4)
        var file = try bytes(paths[1])
        file[500] ^= 0xFF
        try write(file, paths[1])
        let notices = Notices()
        let broker = try folder.open(settings, notices: notices)
        #expect(notices.all == [])
        let third = try #require(Int(paths[2].suffix(28).prefix(20)))
        let second = try #require(Int(paths[1].suffix(28).prefix(20)))
        let got = try drain(broker)
        #expect(sequences(got) == Array(1..<second) + Array(third...50))
        #expect(got.allSatisfy { $0.message == message(Int($0.sequence)) })
        #expect(try Int(broker.state(of: "orders").first) == third)
        #expect(notices.all.count == 1 && notices.all[0].contains(paths[1]))
        #expect(folder.segments() == Array(paths[2...]))
    }

    @Test func `a missing older segment is a gap, not an error`() throws {
        let settings = SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 0)
        do { try publishOneByOne(1...50, settings) }
        let paths = folder.segments()
        try FileManager.default.removeItem(atPath: paths[1])
        let broker = try folder.open(settings)
        let third = try #require(Int(paths[2].suffix(28).prefix(20)))
        #expect(try sequences(drain(broker)) == Array(third...50))
    }

    @Test func `damage to the newest segment while it is open keeps what is in memory`() throws {
        let settings = SegmentBroker.Settings(cachedBytes: 2000)
        let notices = Notices()
        let broker = try folder.open(settings, notices: notices)
        _ = try broker.publish(messages(1...50), to: "orders", expectedLast: 0)
        let path = try #require(folder.segments().first)
        var file = try bytes(path)
        file[100] ^= 1
        try write(file, path)
        let got = sequences(try drain(broker))
        let first = try #require(got.first)
        #expect(first > 1 && got == Array(first...50) && notices.all.count == 1)
        #expect(try broker.publish(messages(51...52), to: "orders", expectedLast: 50) == 52)
        #expect(try sequences(drain(broker)) == [51, 52])
        #expect(folder.segments().count == 2)
    }

    @Test func `a lost tail takes acknowledgements back, for good`() throws {
        do {
            let broker = try folder.open()
            _ = try broker.publish(messages(1...5), to: "orders", expectedLast: 0)
            #expect(try drain(broker).count == 5)
        }
        let path = try #require(folder.segments().first)
        try write(Array(try bytes(path).dropLast(100)), path)
        var last: UInt64 = 0
        do {
            let broker = try folder.open()
            last = try broker.state(of: "orders").last
            #expect(last == 3)
            _ = try broker.publish(messages(4...6), to: "orders", expectedLast: last)
        }
        let broker = try folder.open()
        #expect(try sequences(broker.fetch(payments, limit: 9, wait: .zero)) == [4, 5, 6])
    }

    @Test func `files that mean nothing are left alone`() throws {
        do { _ = try folder.open().publish(messages(1...3), to: "orders", expectedLast: 0) }
        for name in [
            "notes.txt", "1.segment", "18446744073709551616.segment",
            "00000000000000000000.segment",
            "99999999999999999999.segment",
        ] { try write([1], "\(folder.path)/orders/\(name)") }
        try write([1], "\(folder.path)/.hidden")
        let broker = try folder.open()
        #expect(try drain(broker).count == 3)
        #expect(folder.names().count == 7)
    }

    /// A copy of the folder at any moment is what the next process finds when this one is killed
    /// there.
    @Test func `a process killed at any moment loses nothing that was acknowledged`() throws {
        let settings = SegmentBroker.Settings(segmentBytes: 2048, cachedBytes: 512)
        let broker = try folder.open(settings)
        let progress = Mutex((published: 0, acknowledged: 0, done: false))
        let writer = Thread {
            for start in stride(from: 1, to: 3000, by: 5) {
                guard
                    let last = try? broker.publish(
                        messages(start...start + 4), to: "orders", expectedLast: UInt64(start - 1))
                else { break }
                progress.withLock { $0.published = Int(last) }
                guard let got = try? broker.fetch(payments, limit: 3, wait: .zero),
                    let through = got.last?.sequence,
                    (try? broker.acknowledge(payments, through: through)) != nil
                else { break }
                progress.withLock { $0.acknowledged = Int(through) }
            }
            progress.withLock { $0.done = true }
        }
        writer.start()
        while !progress.withLock({ $0.done }) {
            let before = progress.withLock { $0 }
            let copy = try folder.copy()
            let after = try copy.open(settings)
            let state = try after.state(of: "orders")
            #expect(state.last >= UInt64(before.published))
            let got = try drain(after)
            let first = sequences(got).first ?? Int(state.last) + 1
            #expect(first > before.acknowledged)
            #expect(got.map(\.message) == sequences(got).map { message($0) })
            #expect(sequences(got) == Array(first..<Int(state.last) + 1))
        }
        #expect(progress.withLock { $0.published } == 3000)
    }

    private func publishOneByOne(
        _ numbers: ClosedRange<Int>, _ settings: SegmentBroker.Settings
    ) throws {
        let broker = try folder.open(settings)
        for number in numbers {
            _ = try broker.publish(
                [message(number)], to: "orders", expectedLast: UInt64(number - 1))
        }
    }
}
