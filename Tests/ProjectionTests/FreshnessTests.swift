import EventSourcing
import EventStore
import Projections
import Synchronization
import Testing

private func identity(_ log: String, _ epoch: Int64, _ position: Int64) -> EventIdentity {
    EventIdentity(log: LogName(log), epoch: Epoch(epoch), position: Position(position))
}

private func mark(_ epoch: Int64, _ position: Int64) -> Mark {
    Mark(epoch: Epoch(epoch), position: Position(position))
}

@Suite struct FreshnessTests {
    final class Answers: Sendable {
        let list = Mutex<[Bool]>([])
        func add(_ answer: Bool) { list.withLock { $0.append(answer) } }
        var all: [Bool] { list.withLock { $0 } }
    }

    @Test func `a reader waits until its token is projected`() {
        let board = Freshness()
        let answers = Answers()
        board.show([LogName("orders"): mark(1, 4)], staleReason: nil)
        var token = ConsistencyToken(identity("orders", 1, 5))
        board.wait(for: token, deadline: now) { answers.add($0) }
        #expect(answers.all.isEmpty && board.waiterCount == 1)
        board.show([LogName("orders"): mark(1, 5)], staleReason: nil)
        #expect(answers.all == [true] && board.waiterCount == 0)
        board.wait(for: token, deadline: now) { answers.add($0) }
        #expect(answers.all == [true, true])
        token.merge(ConsistencyToken(identity("payments", 1, 1)))
        #expect(!board.hasSeen(token) && !board.knows(token))
    }

    @Test func `the token as text follows each step`() {
        let board = Freshness(logs: [LogName("orders"), LogName("payments")])
        for position in 1...3 as ClosedRange<Int64> {
            board.show([LogName("orders"): mark(1, position)], staleReason: nil)
            for _ in 0..<2 {
                #expect(board.shown.token == board.token.description)
                #expect(board.shown.token == "\(ConsistencyToken(identity("orders", 1, position)))")
            }
        }
        board.show([LogName("orders"): mark(1, 3)], staleReason: "poison")
        #expect(board.shown.staleReason == "poison")
    }

    @Test func `a token of a log that is read here is known before the first was read`() {
        let board = Freshness(logs: [LogName("orders")])
        let token = ConsistencyToken(identity("orders", 1, 5))
        #expect(board.knows(token) && !board.hasSeen(token))
        #expect(!board.knows(ConsistencyToken(identity("payments", 1, 1))))
    }

    @Test func `a newer epoch has seen what an older one left out`() {
        let board = Freshness()
        board.show([LogName("orders"): mark(2, 3)], staleReason: nil)
        #expect(board.hasSeen(ConsistencyToken(identity("orders", 1, 9))))
        #expect(!board.hasSeen(ConsistencyToken(identity("orders", 2, 4))))
    }

    @Test func `at its deadline a reader is let go, and not before`() {
        let board = Freshness()
        let answers = Answers()
        let token = ConsistencyToken(identity("orders", 1, 5))
        board.wait(for: token, deadline: now) { answers.add($0) }
        board.expire(at: Timestamp(microseconds: now.microseconds - 1))
        #expect(answers.all.isEmpty)
        board.expire(at: now)
        board.expire(at: now)
        #expect(answers.all == [false])
    }

    @Test func `above ten thousand waiting readers the next is refused`() {
        let board = Freshness()
        let answers = Answers()
        let token = ConsistencyToken(identity("orders", 1, 5))
        for _ in 0...Freshness.maximumWaiters {
            board.wait(for: token, deadline: now) { answers.add($0) }
        }
        #expect(answers.all == [false] && board.waiterCount == Freshness.maximumWaiters)
    }
}

@Suite struct ConsistencyTokenTests {
    private var token: ConsistencyToken {
        var token = ConsistencyToken(identity("payments", 2, 7))
        token.merge(ConsistencyToken(identity("orders", 1, Int64.max)))
        return token
    }

    @Test func `a token is read as it was written`() {
        #expect(ConsistencyToken(token.description) == token)
        #expect(ConsistencyToken(ConsistencyToken().description) == ConsistencyToken())
    }

    @Test func `every changed, cut or lengthened text is refused`() {
        let text = Array(token.description.utf8)
        for index in text.indices {
            for byte in [UInt8(ascii: "A"), UInt8(ascii: "_"), 0x20, 0x2B] where byte != text[index]
            {
                var changed = text
                changed[index] = byte
                #expect(ConsistencyToken(String(decoding: changed, as: UTF8.self)) == nil)
            }
            #expect(ConsistencyToken(String(decoding: text[..<index], as: UTF8.self)) == nil)
        }
        #expect(ConsistencyToken(token.description + "A") == nil)
        #expect(ConsistencyToken(token.description + "=") == nil)
    }

    @Test func `no bytes at random trap or pass`() {
        var random = SeededGenerator(state: 9)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                UInt8.random(in: 0...3, using: &random)
            }
            let checksum = SHA256.hash(bytes).bytes.prefix(4)
            if let read = ConsistencyToken(Base64URL.encode(bytes + checksum)) {
                #expect(ConsistencyToken(read.description) == read)
            }
        }
    }

    @Test func `merging keeps what has seen most of each log`() {
        var merged = ConsistencyToken(identity("orders", 2, 1))
        merged.merge(token)
        var other = token
        other.merge(ConsistencyToken(identity("orders", 2, 1)))
        #expect(merged == other)
        #expect(merged.marks.map(\.mark) == [mark(2, 1), mark(2, 7)])
    }
}
