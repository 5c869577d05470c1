import Arguments

/// Rows of comma-separated values. Source: RFC 4180.
enum CSV {
    /// One record with its line break: a field with a comma, a quote or a line break in it is
    /// quoted.
    static func record(_ fields: [String]) -> String {
        fields.map(field).joined(separator: ",") + "\r\n"
    }

    private static func field(_ text: String) -> String {
        // By bytes: CR and LF together are one character.
        guard text.utf8.contains(where: { [0x22, 0x2C, 0x0D, 0x0A].contains($0) }) else {
            return text
        }
        var quoted: [UInt8] = [0x22]
        for byte in text.utf8 {
            if byte == 0x22 { quoted.append(0x22) }
            quoted.append(byte)
        }
        quoted.append(0x22)
        return String(decoding: quoted, as: UTF8.self)
    }
}

/// How an export is written.
enum ExportFormat: String, CaseIterable {
    case csv, jsonl

    static let option = Option.value(
        "format", "FORMAT", "csv (RFC 4180) or jsonl (a JSON object a line)", default: "csv")
}
