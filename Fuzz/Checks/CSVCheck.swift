import Import

/// Invoice files: however the bytes are cut, the same records, lines and errors come out; and
/// records written with quotes are read as the same fields.
///
/// Input: the sizes of the pieces; the file.
enum CSVCheck {
    private struct Outcome<Value: Equatable>: Equatable {
        var values: [Value] = []
        var error: ImportError?
    }

    static func run(_ bytes: [UInt8]) throws(Broken) {
        var input = FuzzInput(bytes)
        let sizes = input.sizes()
        let file = input.rest()
        let records = readRecords([file[...]])
        let cut = readRecords(pieces(file, sizes))
        try expect(records == cut, "in one piece: \(records), in pieces: \(cut)")
        let lines = readLines([file[...]])
        let cutLines = readLines(pieces(file, sizes))
        try expect(lines == cutLines, "in one piece: \(lines), in pieces: \(cutLines)")
        try expect(lines.values.count <= records.values.count, "more lines than records")
        try checkAgain(records.values)
    }

    private static func readRecords(_ pieces: [ArraySlice<UInt8>]) -> Outcome<CSVRecord> {
        var reader = CSVReader()
        var outcome = Outcome<CSVRecord>()
        do throws(ImportError) {
            for piece in pieces {
                reader.append(piece)
                while let record = try reader.next() { outcome.values.append(record) }
            }
            if let last = try reader.close() { outcome.values.append(last) }
        } catch { outcome.error = error }
        return outcome
    }

    private static func readLines(_ pieces: [ArraySlice<UInt8>]) -> Outcome<RetailLine> {
        var reader = RetailReader()
        var outcome = Outcome<RetailLine>()
        do throws(ImportError) {
            for piece in pieces {
                reader.append(piece)
                while let line = try reader.next() { outcome.values.append(line) }
            }
            if let last = try reader.close() { outcome.values.append(last) }
        } catch { outcome.error = error }
        return outcome
    }

    private static func checkAgain(_ records: [CSVRecord]) throws(Broken) {
        var file: [UInt8] = []
        for record in records {
            try expect(
                record.count <= CSVReader.maximumFields, "a record has \(record.count) fields")
            for field in 0..<record.count {
                if field > 0 { file.append(UInt8(ascii: ",")) }
                file.append(UInt8(ascii: "\""))
                for byte in record[field] {
                    file.append(contentsOf: byte == UInt8(ascii: "\"") ? [byte, byte] : [byte])
                }
                file.append(UInt8(ascii: "\""))
            }
            file.append(contentsOf: "\r\n".utf8)
        }
        let again = readRecords([file[...]])
        try expect(
            again.error == nil && fields(again.values) == fields(records),
            "\(records) written anew are read as \(again)")
    }

    private static func fields(_ records: [CSVRecord]) -> [[[UInt8]]] {
        records.map { record in (0..<record.count).map { Array(record[$0]) } }
    }
}
