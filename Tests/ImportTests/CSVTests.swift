import Import
import Testing

/// The CSV reader, alone.
@Suite struct CSVTests {
    /// All records of the bytes, given in pieces of `size`.
    static func records(_ bytes: [UInt8], piece size: Int = .max) throws -> [[String]] {
        var reader = CSVReader()
        var records: [CSVRecord] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            reader.append(rest.prefix(size))
            rest = rest.dropFirst(size)
            while let record = try reader.next() { records.append(record) }
        }
        if let last = try reader.close() { records.append(last) }
        return records.map { record in (0..<record.count).map { record.text($0) } }
    }

    static func records(_ text: String, piece size: Int = .max) throws -> [[String]] {
        try records(Array(text.utf8), piece: size)
    }

    private static func error(_ text: String) throws -> ImportError {
        try #require(throws: ImportError.self) { try records(text) }
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `records come out the same, whatever pieces they come in`(size: Int) throws {
        let text = "a,b,c\r\n1,\"x, \"\"y\"\"\nz\",\n\n\"\",é£,\"3\"\nlast,,x"
        #expect(
            try Self.records(text, piece: size) == [
                ["a", "b", "c"], ["1", "x, \"y\"\nz", ""], ["", "é£", "3"], ["last", "", "x"],
            ])
        #expect(try Self.records("\u{FEFF}a,b\n", piece: size) == [["a", "b"]])
        #expect(try Self.records("\u{FEFF}\"a\"\n", piece: size) == [["a"]])
    }

    @Test func `a file of nothing has no records`() throws {
        for text in ["", "\n", "\r\n\r\n", "\u{FEFF}", "\u{FEFF}\n"] {
            #expect(try Self.records(text).isEmpty)
        }
        #expect(try Self.records("\"\"") == [[""]])
        #expect(try Self.records(",") == [["", ""]])
    }

    @Test func `records know the line they begin in`() throws {
        var reader = CSVReader()
        reader.append("a\n\"b\nb\"\n\r\nc\n".utf8)
        var lines: [Int] = []
        while let record = try reader.next() { lines.append(record.line) }
        #expect(lines == [1, 2, 5])
    }

    @Test(arguments: [
        ("a\n\"b", 2, "not closed"), ("a\n\"b\"c\n", 2, "follows a closing quote"),
        ("a\nb\"c\"\n", 2, "without quotes"), ("a\rb\n", 1, "carriage return"),
        ("a\r", 1, "carriage return"), ("a\nb\0\n", 2, "zero byte"),
    ])
    func `what is no CSV is told with its line`(text: String, line: Int, hint: String) throws {
        let error = try Self.error(text)
        #expect(error.line == line && error.reason.contains(hint), "\(error)")
    }

    @Test func `bytes that are no UTF-8 are told with their line and a remedy`() throws {
        for bytes in [[0x61, 0x0A, 0xA3, 0x0A], [0x61, 0x0A, 0xEF, 0xBB]] as [[UInt8]] {
            let error = try #require(throws: ImportError.self) { try Self.records(bytes) }
            #expect(error.line == 2 && error.reason.contains("iconv"), "\(error)")
        }
        #expect(throws: ImportError.self) { try Self.records([0xEF, 0xBB, 0x61, 0x0A]) }
        #expect(throws: ImportError.self) { try Self.records([0xFF, 0xFE, 0x61, 0x00]) }
    }

    @Test func `fields, records and their number have limits`() throws {
        let longest = String(repeating: "x", count: CSVReader.maximumField)
        #expect(try Self.records("a\n\(longest)\n").count == 2)
        for text in ["a\n\(longest)x\n", "a\n\"\(longest)\n\n"] {
            let error = try Self.error(text)
            #expect(error.line == 2 && error.reason.contains("longer"), "\(error)")
        }
        let wide = Array(repeating: longest, count: 5).joined(separator: ",")
        #expect(try Self.error("a\n\(wide)\n").reason.contains("record is longer"))
        let commas = String(repeating: ",", count: CSVReader.maximumFields)
        #expect(try Self.error("a\n\(commas)\n").reason.contains("fields"))
        // No line's end anywhere: told long before the file's end.
        #expect(try Self.error(String(repeating: "x", count: 1_000_000)).line == 1)
    }
}
