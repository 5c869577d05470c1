import CSQLite
import Glibc

/// Values of two rows side by side.
extension Statement {
    /// Whether the column holds the same value, of the same type, as the other row's.
    package func holds(_ column: Int32, sameAs other: Statement) -> Bool {
        let type = type(column)
        guard type == other.type(column) else { return false }
        return switch type {
        case SQLITE_NULL: true
        case SQLITE_INTEGER: integer(column) == other.integer(column)
        default: order(ofBytes: column, with: other) == 0
        }
    }

    /// Compares a TEXT or BLOB column byte by byte: below 0 where this row's comes first.
    package func order(ofBytes column: Int32, with other: Statement) -> Int {
        withBytes(column) { mine in
            other.withBytes(column) { others in
                let common = min(mine.count, others.count)
                if common > 0, let a = mine.baseAddress, let b = others.baseAddress {
                    let order = memcmp(a, b, common)
                    if order != 0 { return Int(order) }
                }
                return mine.count - others.count
            }
        }
    }

    /// The value as an SQL literal.
    package func literal(_ column: Int32) -> String {
        switch type(column) {
        case SQLITE_NULL: "NULL"
        case SQLITE_INTEGER: String(integer(column))
        case SQLITE_TEXT: "'\(text(column).replacing("'", with: "''"))'"
        case SQLITE_BLOB:
            "X'\(bytes(column).map { hexadecimal($0 >> 4) + hexadecimal($0 & 15) }.joined())'"
        default: text(column)
        }
    }

    private func hexadecimal(_ digit: UInt8) -> String {
        String(digit, radix: 16, uppercase: true)
    }
}
