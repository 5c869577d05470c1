import Domain
import EventSourcing

/// How the fields of an Online Retail file are read; nil for what does not fit.
enum RetailField {
    enum Price: Hashable {
        /// From 0 on.
        case pence(Int64)
        case negative
        /// Not a whole number of pence.
        case finer
    }

    enum Buyer: Hashable {
        case guest
        case customer(CustomerID)

        var id: CustomerID? { if case .customer(let id) = self { id } else { nil } }
    }

    /// `12`, `-12`.
    static func integer(_ bytes: ArraySlice<UInt8>) -> Int? {
        let isNegative = bytes.first == UInt8(ascii: "-")
        guard let magnitude = number(isNegative ? bytes.dropFirst() : bytes) else { return nil }
        return isNegative ? -magnitude : magnitude
    }

    /// Exact from the decimal text: `2.55` is 255 pence, and so is `2.550`.
    static func price(_ bytes: ArraySlice<UInt8>) -> Price? {
        let isNegative = bytes.first == UInt8(ascii: "-")
        let parts = (isNegative ? bytes.dropFirst() : bytes)
            .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let pounds = number(parts[0]) else { return nil }
        var decimals = parts.count == 2 ? parts[1] : [UInt8(ascii: "0")]
        guard !decimals.isEmpty, decimals.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        while decimals.count > 2, decimals.last == 0x30 { decimals.removeLast() }
        guard decimals.count <= 2 else { return isNegative ? .negative : .finer }
        if decimals.count == 1 { decimals.append(0x30) }
        guard let pence = number(decimals) else { return nil }
        let (hundredfold, overflow) = pounds.multipliedReportingOverflow(by: 100)
        let (sum, carry) = hundredfold.addingReportingOverflow(pence)
        guard !overflow, !carry else { return nil }
        return isNegative && sum > 0 ? .negative : .pence(Int64(sum))
    }

    /// `2010-12-01 08:26:00`, or month first as UCI has it, `12/1/2010 8:26`; as UTC.
    static func time(_ bytes: ArraySlice<UInt8>) -> Timestamp? {
        let text: String
        if let slash = bytes.firstIndex(of: UInt8(ascii: "/")) {
            let rest = bytes[(slash + 1)...]
            let parts = rest.split(omittingEmptySubsequences: false) { byte in
                byte == UInt8(ascii: "/") || byte == 0x20 || byte == UInt8(ascii: ":")
            }
            guard parts.count == 4, parts[1].count == 4, let month = padded(bytes[..<slash]),
                let day = padded(parts[0]), let hour = padded(parts[2]),
                let minute = padded(parts[3])
            else { return nil }
            let year = String(decoding: parts[1], as: UTF8.self)
            text = "\(year)-\(month)-\(day)T\(hour):\(minute):00Z"
            // The signs between them, which the split above takes one for the other.
            let signs = bytes.filter { !(0x30...0x39).contains($0) }
            guard signs.elementsEqual("// :".utf8) else { return nil }
        } else {
            guard bytes.count == 19, bytes[bytes.startIndex + 10] == 0x20 else { return nil }
            text =
                String(decoding: bytes.prefix(10), as: UTF8.self) + "T"
                + String(decoding: bytes.suffix(8), as: UTF8.self) + "Z"
        }
        return Timestamp(text)
    }

    /// `17850`, or `17850.0` as spreadsheets write it; empty is a guest.
    static func customer(_ bytes: ArraySlice<UInt8>) -> Buyer? {
        if bytes.isEmpty { return .guest }
        let isNumber =
            bytes.suffix(2).elementsEqual(".0".utf8)
            && number(bytes.dropLast(2)) != nil
        let id = String(decoding: isNumber ? bytes.dropLast(2) : bytes, as: UTF8.self)
        return CustomerID(id).map { .customer($0) }
    }

    /// Cut to what an order's line may hold, at a character's end; nil where there is none.
    static func description(_ bytes: ArraySlice<UInt8>) -> String? {
        var kept = bytes.prefix(OrderLine.maximumDescription)
        if kept.count < bytes.count {
            // What follows the cut may be the rest of a character: that one goes whole.
            while !kept.isEmpty, bytes[kept.endIndex] & 0xC0 == 0x80 { kept.removeLast() }
        }
        return kept.isEmpty ? nil : String(decoding: kept, as: UTF8.self)
    }

    private static func padded(_ digits: ArraySlice<UInt8>) -> String? {
        guard (1...2).contains(digits.count), number(digits) != nil else { return nil }
        return (digits.count == 1 ? "0" : "") + String(decoding: digits, as: UTF8.self)
    }

    /// Digits and nothing else; nil beyond 64 bits as well.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit - 0x30))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }
}
