/// Where the columns of an Online Retail file stand, by the names in its header.
struct RetailColumns: Sendable {
    enum Column: Int, CaseIterable {
        case invoice, stockCode, description, quantity, time, price, customer, country

        /// As this project writes it, and as UCI does.
        var names: (own: String, published: String) {
            switch self {
            case .invoice: ("invoice_no", "InvoiceNo")
            case .stockCode: ("stock_code", "StockCode")
            case .description: ("description", "Description")
            case .quantity: ("quantity", "Quantity")
            case .time: ("invoiced_at", "InvoiceDate")
            case .price: ("unit_price", "UnitPrice")
            case .customer: ("customer_id", "CustomerID")
            case .country: ("country", "Country")
            }
        }
    }

    /// The fields of every record.
    let count: Int
    /// By the column's raw value.
    private let places: [Int]

    /// Other columns, such as `line_no`, may stand anywhere.
    ///
    /// - Throws: what is missing, and what is named twice.
    init(header: CSVRecord) throws(ImportError) {
        let found = (0..<header.count).map { header.text($0).trimmed }
        var places: [Int] = []
        var missing: [String] = []
        for column in Column.allCases {
            let names = column.names
            let at = found.indices.filter { found[$0].isSame(names.own, names.published) }
            guard at.count <= 1 else {
                throw ImportError(line: header.line, "the header names \(found[at[0]]) twice")
            }
            places += at
            if at.isEmpty { missing.append("\(names.own) (or \(names.published))") }
        }
        guard missing.isEmpty else {
            let shown = String(
                decoding: found.joined(separator: ",").utf8.prefix(200), as: UTF8.self)
            throw ImportError(
                line: header.line,
                "the header lacks \(missing.joined(separator: ", ")); it reads '\(shown)': "
                    + "is this an Online Retail file?")
        }
        self.places = places
        count = header.count
    }

    func bytes(_ column: Column, of record: CSVRecord) -> ArraySlice<UInt8> {
        record[places[column.rawValue]].trimmed
    }

    func text(_ column: Column, of record: CSVRecord) -> String {
        String(decoding: bytes(column, of: record), as: UTF8.self)
    }
}

extension ArraySlice<UInt8> {
    /// Without the spaces and tabs at both ends.
    var trimmed: ArraySlice<UInt8> {
        var bytes = self
        while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        return bytes
    }
}

extension String {
    fileprivate var trimmed: String { String(decoding: Array(utf8)[...].trimmed, as: UTF8.self) }

    /// Byte by byte.
    fileprivate func isSame(_ names: String...) -> Bool {
        names.contains { $0.utf8.elementsEqual(utf8) }
    }
}
