/// A currency of ISO 4217: its code, and the decimals of its minor unit.
public struct Currency: Hashable, Sendable, CustomStringConvertible {
    /// The code's three letters, one byte each.
    private let packed: UInt32
    private let decimals: UInt8

    /// The decimals of the minor unit: 2 for GBP, 0 for JPY, 3 for KWD, 4 for CLF.
    public var exponent: Int { Int(decimals) }

    /// The three letters, such as `GBP`.
    public var code: String { description }

    public var description: String {
        let letters = [16, 8, 0].map { UInt8(truncatingIfNeeded: packed >> $0) }
        return String(decoding: letters, as: UTF8.self)
    }

    /// Nil for what is no code of ISO 4217, in capitals, with a minor unit.
    public init?(_ code: String) {
        guard let packed = Self.pack(code.utf8), let decimals = Self.table[packed] else {
            return nil
        }
        self.packed = packed
        self.decimals = decimals
    }

    private init(_ a: Unicode.Scalar, _ b: Unicode.Scalar, _ c: Unicode.Scalar, _ decimals: UInt8) {
        packed = a.value << 16 | b.value << 8 | c.value
        self.decimals = decimals
    }

    public static let gbp = Currency("G", "B", "P", 2)
    public static let eur = Currency("E", "U", "R", 2)
    public static let usd = Currency("U", "S", "D", 2)
    public static let jpy = Currency("J", "P", "Y", 0)

    private static func pack(_ bytes: some Sequence<UInt8>) -> UInt32? {
        var packed: UInt32 = 0
        var count = 0
        for byte in bytes {
            guard count < 3, byte >= 0x41, byte <= 0x5A else { return nil }
            packed = packed << 8 | UInt32(byte)
            count += 1
        }
        return count == 3 ? packed : nil
    }

    private static let table: [UInt32: UInt8] = {
        var table: [UInt32: UInt8] = [:]
        for (decimals, codes) in codes {
            for code in codes.utf8.split(separator: UInt8(ascii: " ")) {
                if let packed = pack(code) { table[packed] = decimals }
            }
        }
        return table
    }()

    /// ISO 4217 list one by decimals. Metals, funds and test codes without a minor unit are left
    /// out; codes withdrawn since 2021 (ANG, BGN, CUC, HRK, SLL, ZWL) are kept, as imported
    /// orders carry them.
    private static let codes: [(UInt8, String)] = [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (
            2,
            """
            AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD \
            BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD \
            EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS \
            INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT \
            MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR \
            PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP \
            SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER \
            ZAR ZMW ZWG ZWL
            """
        ),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ]
}
