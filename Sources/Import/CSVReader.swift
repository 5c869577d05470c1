/// One record of a CSV file: its fields' bytes, without the quotes around them.
package struct CSVRecord: Hashable, Sendable {
    /// The line that it begins in, from 1.
    package fileprivate(set) var line: Int
    fileprivate var bytes: [UInt8] = []
    /// Where each field ends in `bytes`.
    fileprivate var ends: [Int] = []

    /// How many fields there are, at least one.
    package var count: Int { ends.count }

    /// The field's bytes, valid UTF-8; the first field is 0.
    package subscript(field: Int) -> ArraySlice<UInt8> {
        bytes[(field == 0 ? 0 : ends[field - 1])..<ends[field]]
    }

    /// The field's text.
    package func text(_ field: Int) -> String { String(decoding: self[field], as: UTF8.self) }
}

/// Reads CSV from bytes that come in pieces of any size. Source: RFC 4180.
///
///     reader.append(piece)
///     while let record = try reader.next() { ... }
///     if let last = try reader.close() { ... }
///
/// A line ends with LF or CRLF, the last one may end with the file. Empty lines are passed over, as
/// is a byte order mark in front. Holds one record and what was appended last.
package struct CSVReader: Sendable {
    /// The bytes one field may have: a quote that is never closed would take in the whole file.
    package static let maximumField = 16 * 1024
    /// The bytes one record may have.
    package static let maximumRecord = 64 * 1024
    /// The fields one record may have.
    package static let maximumFields = 64

    private enum State {
        /// In front of a field.
        case start
        case plain
        case quoted
        /// Behind a quote within a quoted field: its end, or the first of two.
        case quote
        /// Behind a CR, which only LF may follow.
        case carriageReturn
    }

    private var state = State.start
    private var line = 1
    private var record = CSVRecord(line: 1)
    /// Whether the line holds anything: an empty one is no record.
    private var hasContent = false
    private var piece: [UInt8] = []
    private var at = 0
    /// The bytes of the mark seen so far; nil behind it, or where there is none.
    private var mark: Int? = 0

    package init() {}

    /// Goes on with these bytes.
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        piece.removeFirst(at)
        at = 0
        piece.append(contentsOf: bytes)
    }

    /// The next record; nil where more bytes are needed.
    ///
    /// - Throws: for what is no CSV, and above a limit. Nothing can be read after that.
    package mutating func next() throws(ImportError) -> CSVRecord? {
        skipMark()
        while at < piece.count {
            let byte = piece[at]
            switch (state, byte) {
            case (.quoted, .quote): state = .quote
            case (.quoted, _): try takeQuoted()
            case (.quote, .quote):
                record.bytes.append(.quote)
                state = .quoted
            case (.start, .quote):
                state = .quoted
                hasContent = true
            case (_, .lineFeed):
                at += 1
                if let record = try endLine() { return record }
                continue
            case (.carriageReturn, _):
                throw error("a carriage return stands alone; end lines with LF or CRLF")
            case (_, .comma):
                try endField()
                hasContent = true
            case (_, .carriageReturn): state = .carriageReturn
            case (.quote, _):
                throw error("text follows a closing quote; write a quote within quotes twice")
            case (_, .quote):
                throw error("a quote stands in a field without quotes; put quotes around it")
            case (_, 0): throw error("holds a zero byte; save the file as CSV in UTF-8")
            default: try takePlain()
            }
            at += 1
        }
        return nil
    }

    /// The last record, where the file does not end with a line's end.
    ///
    /// - Throws: where the file ends within quotes, and what `next` throws.
    package mutating func close() throws(ImportError) -> CSVRecord? {
        switch state {
        case .quoted:
            throw ImportError(
                line: record.line, "quotes are opened and not closed before the file ends")
        case .carriageReturn:
            throw error("a carriage return stands alone; end lines with LF or CRLF")
        default: return try endLine()
        }
    }

    /// Takes all up to the next byte that means something; `at` is left on the last one taken.
    private mutating func takePlain() throws(ImportError) {
        state = .plain
        hasContent = true
        let from = at
        // Nearly all bytes are above the comma, which is above all others that mean something.
        while at + 1 < piece.count, piece[at + 1] > .comma || !piece[at + 1].isSpecial { at += 1 }
        record.bytes.append(contentsOf: piece[from...at])
        try check()
    }

    private mutating func takeQuoted() throws(ImportError) {
        let from = at
        if piece[at] == .lineFeed { line += 1 }
        while at + 1 < piece.count, piece[at + 1] != .quote {
            at += 1
            if piece[at] == .lineFeed { line += 1 }
        }
        record.bytes.append(contentsOf: piece[from...at])
        try check()
    }

    private func check() throws(ImportError) {
        let field = record.bytes.count - (record.ends.last ?? 0)
        guard field <= Self.maximumField else {
            let cause = state == .quoted ? "; is a closing quote missing?" : ""
            throw ImportError(
                line: record.line, "a field is longer than \(Self.maximumField) bytes\(cause)")
        }
        guard record.bytes.count <= Self.maximumRecord else {
            throw ImportError(
                line: record.line, "a record is longer than \(Self.maximumRecord) bytes")
        }
    }

    private mutating func endField() throws(ImportError) {
        record.ends.append(record.bytes.count)
        state = .start
        guard record.ends.count <= Self.maximumFields else {
            throw error("there are more than \(Self.maximumFields) fields; is this the right file?")
        }
    }

    private mutating func endLine() throws(ImportError) -> CSVRecord? {
        defer {
            line += 1
            record = CSVRecord(line: line)
            record.bytes.reserveCapacity(256)
            hasContent = false
            state = .start
        }
        guard hasContent else { return nil }
        try endField()
        guard String(validating: record.bytes, as: UTF8.self) != nil else {
            throw ImportError(
                line: record.line,
                "is no UTF-8; convert the file, such as with iconv -f ISO-8859-1 -t UTF-8")
        }
        return record
    }

    private mutating func skipMark() {
        let bytes: [UInt8] = [0xEF, 0xBB, 0xBF]
        while let seen = mark, at < piece.count {
            guard seen < bytes.count, piece[at] == bytes[seen] else {
                // Part of a mark is no UTF-8, and is found out with the first line.
                if seen < bytes.count { record.bytes.append(contentsOf: bytes[..<seen]) }
                mark = nil
                return
            }
            mark = seen + 1
            at += 1
        }
    }

    private func error(_ reason: String) -> ImportError { ImportError(line: line, reason) }
}

extension UInt8 {
    fileprivate static let quote = UInt8(ascii: "\"")
    fileprivate static let comma = UInt8(ascii: ",")
    fileprivate static let lineFeed: UInt8 = 0x0A
    fileprivate static let carriageReturn: UInt8 = 0x0D

    fileprivate var isSpecial: Bool {
        self == .comma || self == .quote || self == .lineFeed || self == .carriageReturn
            || self == 0
    }
}
