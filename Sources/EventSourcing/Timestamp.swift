/// A moment: microseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let microseconds: Int64
    public init(microseconds: Int64) { self.microseconds = microseconds }

    public static let epoch = Timestamp(microseconds: 0)

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }

    /// Later by `duration`; saturates instead of overflowing.
    public static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = time.microseconds.addingReportingOverflow(duration.microseconds)
        return Timestamp(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    public static func - (a: Timestamp, b: Timestamp) -> Duration {
        let (difference, overflow) = a.microseconds.subtractingReportingOverflow(b.microseconds)
        return .microseconds(overflow ? .max : difference)
    }

    /// The moments that four digits of a year can name, 0001 to 9999.
    private static let writable: ClosedRange<Int64> =
        -62_135_596_800_000_000...253_402_300_799_999_999

    /// ISO 8601 in UTC with six decimals, `2026-01-31T09:30:00.000000Z` (RFC 3339).
    ///
    /// What lies beyond the years 1 to 9999, as only a damaged file can hold, is written as the
    /// nearest of them.
    public var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(27)
        append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the 27 bytes of `description`.
    public func append(to text: inout [UInt8]) {
        let microseconds = min(
            max(microseconds, Self.writable.lowerBound), Self.writable.upperBound)
        let day = microseconds.quotientFloored(by: 86_400_000_000)
        let rest = microseconds - day * 86_400_000_000
        let (year, month, dayOfMonth) = Self.civil(day)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 27) { bytes in
            func digits(_ value: Int64, _ places: ClosedRange<Int>) {
                var rest = UInt32(truncatingIfNeeded: value)
                for place in places.reversed() {
                    bytes[place] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
            }
            digits(year, 0...3)
            bytes[4] = 0x2D
            digits(month, 5...6)
            bytes[7] = 0x2D
            digits(dayOfMonth, 8...9)
            bytes[10] = 0x54
            digits(rest / 3_600_000_000, 11...12)
            bytes[13] = 0x3A
            digits(rest / 60_000_000 % 60, 14...15)
            bytes[16] = 0x3A
            digits(rest / 1_000_000 % 60, 17...18)
            bytes[19] = 0x2E
            digits(rest % 1_000_000, 20...25)
            bytes[26] = 0x5A
            text.append(contentsOf: UnsafeBufferPointer(bytes))
        }
    }

    /// Days since 1970-01-01 to year, month, day. Source: Howard Hinnant, "chrono-Compatible
    /// Low-Level Date Algorithms".
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted.quotientFloored(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// Reads RFC 3339: date, `T`, time, up to six decimals, `Z` or an offset. Nil for anything
    /// else.
    public init?(_ text: String) {
        var text = text
        guard let time = text.withUTF8({ Timestamp(utf8: $0) }) else { return nil }
        self = time
    }

    /// Reads the bytes of an RFC 3339 time; nil for anything else.
    public init?(utf8 bytes: UnsafeBufferPointer<UInt8>) {
        func number(_ from: Int, _ count: Int) -> Int64? {
            guard from + count <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[from..<from + count] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54,
            bytes[13] == 0x3A, bytes[16] == 0x3A,
            let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            (1...12).contains(month), day >= 1, hour < 24, minute < 60, second < 60
        else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if bytes[at] == 0x2E {
            let end = bytes[(at + 1)...].firstIndex { $0 < 0x30 || $0 > 0x39 } ?? bytes.count
            let count = end - at - 1
            guard (1...6).contains(count), let digits = number(at + 1, count) else { return nil }
            fraction = digits
            for _ in count..<6 { fraction *= 10 }
            at = end
        }
        var offset: Int64 = 0
        switch at < bytes.count ? bytes[at] : 0 {
        case 0x5A where at + 1 == bytes.count: break
        case let sign
        where (sign == 0x2B || sign == 0x2D) && at + 6 == bytes.count && bytes[at + 3] == 0x3A:
            guard let hours = number(at + 1, 2), let minutes = number(at + 4, 2), hours < 24,
                minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (sign == 0x2B ? 1 : -1)
        default: return nil
        }
        let shiftedYear = year - (month <= 2 ? 1 : 0)
        let era = shiftedYear.quotientFloored(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days =
            era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        guard Self.civil(days) == (year, month, day) else { return nil }
        let seconds = days * 86_400 + hour * 3600 + (minute - offset) * 60 + second
        let microseconds = seconds * 1_000_000 + fraction
        // What cannot be written again would come back as another time.
        guard Self.writable.contains(microseconds) else { return nil }
        self.init(microseconds: microseconds)
    }
}

extension Duration {
    /// Whole microseconds, towards zero; saturates.
    public var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return carry ? (seconds < 0 ? .min : .max) : sum
    }
}

extension Int64 {
    fileprivate func quotientFloored(by divisor: Int64) -> Int64 {
        self / divisor - (self % divisor < 0 ? 1 : 0)
    }
}
