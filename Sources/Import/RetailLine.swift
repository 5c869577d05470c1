package import Domain
package import EventSourcing

/// Why a line cannot be sold. The raw values are shown.
package enum SkipReason: String, CaseIterable, Hashable, Sendable {
    case creditNote = "credit note"
    case adjustment = "adjustment"
    case quantity = "quantity not positive"
    case tooMany = "quantity above 1000000"
    case noPrice = "no price"
    case negativePrice = "price below zero"
    case finePrice = "price finer than a penny"
    case stockCode = "stock code invalid"
}

/// A line of an invoice.
package struct RetailLine: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case sellable(OrderLine)
        case skipped(SkipReason)
    }

    /// 1 to 64 printable ASCII characters without spaces, the letter in front included.
    package let invoice: String
    /// Nil for a guest.
    package let customer: CustomerID?
    /// When it was invoiced, read as UTC.
    package let time: Timestamp
    package let content: Content
    /// Where it stands in the file.
    package let line: Int
}

/// Reads the lines of an Online Retail file from bytes that come in pieces, as `CSVReader` does.
package struct RetailReader: Sendable {
    /// The bytes an invoice's number may have: `import/` and it are an idempotency key.
    static let maximumInvoice = 64

    private var csv = CSVReader()
    private var columns: RetailColumns?
    /// The last time read: the lines of one invoice share it.
    private var lastTime: (text: [UInt8], time: Timestamp)?

    package init() {}

    package mutating func append(_ bytes: some Sequence<UInt8>) { csv.append(bytes) }

    /// The next line; nil where more bytes are needed.
    ///
    /// - Throws: for anything that is no line of such a file.
    package mutating func next() throws(ImportError) -> RetailLine? {
        while let record = try csv.next() {
            if let line = try read(record) { return line }
        }
        return nil
    }

    /// The last line, where the file does not end with a line's end.
    ///
    /// - Throws: for a file without a header, and what `next` throws.
    package mutating func close() throws(ImportError) -> RetailLine? {
        let last = try csv.close()
        let line: RetailLine? = if let last { try read(last) } else { nil }
        guard columns != nil else { throw ImportError("the file is empty; give an invoice file") }
        return line
    }

    /// Nil for the header.
    private mutating func read(_ record: CSVRecord) throws(ImportError) -> RetailLine? {
        guard let columns else {
            columns = try RetailColumns(header: record)
            return nil
        }
        guard record.count == columns.count else {
            throw ImportError(
                line: record.line,
                "has \(record.count) fields, and the header names \(columns.count); "
                    + "put quotes around a field that holds a comma")
        }
        func malformed(_ column: RetailColumns.Column, _ expected: String) -> ImportError {
            let shown = columns.text(column, of: record).utf8.prefix(80)
            return ImportError(
                line: record.line,
                "\(column.names.own) must be \(expected), and "
                    + "'\(String(decoding: shown, as: UTF8.self))' is not; correct the file")
        }
        let invoice = columns.bytes(.invoice, of: record)
        guard (1...Self.maximumInvoice).contains(invoice.count),
            invoice.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw malformed(.invoice, "1 to 64 printable ASCII characters without spaces") }
        guard let time = time(columns.bytes(.time, of: record)) else {
            throw malformed(.time, "a time such as 2010-12-01 08:26:00 or 12/1/2010 8:26")
        }
        guard let buyer = RetailField.customer(columns.bytes(.customer, of: record)) else {
            throw malformed(.customer, "empty, or up to 64 printable ASCII characters, no spaces")
        }
        guard let quantity = RetailField.integer(columns.bytes(.quantity, of: record)) else {
            throw malformed(.quantity, "a whole number")
        }
        guard let price = RetailField.price(columns.bytes(.price, of: record)) else {
            throw malformed(.price, "a decimal number such as 2.55")
        }
        let content = Self.content(
            invoice.first, columns.text(.stockCode, of: record), quantity, price,
            RetailField.description(columns.bytes(.description, of: record)))
        return RetailLine(
            invoice: String(decoding: invoice, as: UTF8.self), customer: buyer.id, time: time,
            content: content, line: record.line)
    }

    private static func content(
        _ letter: UInt8?, _ stockCode: String, _ quantity: Int, _ price: RetailField.Price,
        _ description: String?
    ) -> RetailLine.Content {
        if letter == UInt8(ascii: "C") { return .skipped(.creditNote) }
        if letter == UInt8(ascii: "A") { return .skipped(.adjustment) }
        guard quantity >= OrderLine.quantities.lowerBound else { return .skipped(.quantity) }
        guard quantity <= OrderLine.quantities.upperBound else { return .skipped(.tooMany) }
        let pence: Int64
        switch price {
        case .pence(0): return .skipped(.noPrice)
        case .negative: return .skipped(.negativePrice)
        case .finer: return .skipped(.finePrice)
        case .pence(let value): pence = value
        }
        guard let sku = SKU(stockCode),
            let line = try? OrderLine(
                sku: sku, quantity: quantity, unitPrice: Money(minor: pence, currency: .gbp),
                description: description)
        else { return .skipped(.stockCode) }
        return .sellable(line)
    }

    private mutating func time(_ bytes: ArraySlice<UInt8>) -> Timestamp? {
        if let lastTime, lastTime.text.elementsEqual(bytes) { return lastTime.time }
        guard let time = RetailField.time(bytes) else { return nil }
        lastTime = (Array(bytes), time)
        return time
    }
}
