package import EventSourcing
import SQLite

/// How far somebody has read a log, and in which epoch: the log may hold other events at the same
/// positions since.
package struct ReadMark: Hashable, Sendable {
    package let epoch: Epoch
    package let position: Position

    package init(_ epoch: Epoch, _ position: Position) {
        self.epoch = epoch
        self.position = position
    }

    /// `orders/to-payments=1:41 …`, epoch and position by source name, sorted by name.
    package static func text(_ marks: [String: ReadMark]) -> String {
        marks.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.epoch):\($0.value.position)" }
            .joined(separator: " ")
    }

    /// Reads the text form, passing over what is none. A position without an epoch, as older
    /// builds say it, counts as of the first.
    package static func parse(_ text: String) -> [String: ReadMark] {
        var marks: [String: ReadMark] = [:]
        for (source, value) in pairs(of: text) {
            let numbers = value.split(
                separator: UInt8(ascii: ":"), omittingEmptySubsequences: false
            )
            .map { Int64(strictDecimal: $0) }
            let mark: ReadMark
            switch (numbers.first, numbers.count) {
            case (let position??, 1): mark = ReadMark(.first, Position(position))
            case (let epoch??, 2):
                guard epoch > 0, let position = numbers[1] else { continue }
                mark = ReadMark(Epoch(epoch), Position(position))
            default: continue
            }
            marks[source] = mark
        }
        return marks
    }

    /// The names and values of `name=value …`; what is none is passed over.
    static func pairs(of text: String) -> [(name: String, value: Substring.UTF8View)] {
        text.utf8.split(separator: UInt8(ascii: " ")).compactMap { pair in
            pair.lastIndex(of: UInt8(ascii: "=")).map { equals in
                (
                    String(decoding: pair[..<equals], as: UTF8.self),
                    pair[pair.index(after: equals)...]
                )
            }
        }
    }
}

extension Checkpoint {
    package var mark: ReadMark { ReadMark(epoch, position) }
}

extension EventLog {
    /// Up to where whoever read as far as `mark` has read this log as it is now: not what a newer
    /// epoch holds in place of what was read.
    package func read(through mark: ReadMark) throws(StoreError) -> Position {
        guard mark.epoch < epoch else {
            // Of an epoch that is not known here nothing can be said.
            return mark.epoch == epoch ? mark.position : .start
        }
        guard let next = try queries.epochStart(after: mark.epoch) else { return mark.position }
        return min(mark.position, Position(next.value - 1))
    }
}

extension Transaction {
    /// See `EventLog.read(through:)`.
    package func read(through mark: ReadMark) throws(StoreError) -> Position {
        try log.read(through: mark)
    }
}

extension LogQueries {
    /// The first position of the epoch that follows; nil where there is none.
    func epochStart(after epoch: Epoch) throws(StoreError) -> Position? {
        try reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "SELECT min(first) FROM epochs WHERE number > ?1")
            defer { statement.reset() }
            try statement.bind(1, epoch.value)
            return try statement.step() ? statement.optionalInteger(0).map { Position($0) } : nil
        }
    }
}
