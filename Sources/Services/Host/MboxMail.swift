import EventSourcing

/// A mail as it stands in an mbox file (RFC 4155): a line that begins with `From `, the mail
/// (RFC 5322, UTF-8, lines ending in LF), and an empty line.
///
/// Lines of the body that could be taken for the first one are quoted, those that are quoted
/// already once more (the form called mboxrd). `Content-Length` counts the body's bytes as they
/// stand there, which tells a whole mail from what a crash left of one.
struct MboxMail {
    /// Makes the mail's `Message-ID`.
    let id: MailID
    let to: String
    let subject: String
    let body: String
    let sent: Timestamp

    /// What an empty line and the end of the file are followed by, and no line within a mail
    /// begins with.
    static let mark: [UInt8] = Array("From ".utf8)
    static let idHeader: [UInt8] = Array("Message-ID: <".utf8)
    static let lengthHeader: [UInt8] = Array("Content-Length: ".utf8)
    static let domain: [UInt8] = Array("@kassa.example.org>".utf8)

    /// Writes it at the end of `text`.
    func append(to text: inout [UInt8]) {
        let sent = MailDate(sent)
        let body = quotedBody()
        text += Self.mark
        text += "shop@example.org ".utf8
        text += sent.envelope.utf8
        text += "\nFrom: Kassa <shop@example.org>\nTo: ".utf8
        text += Self.value(to)
        text += "\nSubject: ".utf8
        text += Self.value(subject)
        text += "\nDate: ".utf8
        text += sent.header.utf8
        text.append(0x0A)
        text += Self.idHeader
        text += id.text.utf8
        text += Self.domain
        text += "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n".utf8
        text += Self.lengthHeader
        text += String(body.count).utf8
        text += "\n\n".utf8
        text += body
        text.append(0x0A)
    }

    /// A header's value keeps to its line.
    private static func value(_ text: String) -> [UInt8] {
        text.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }
    }

    /// The body with CR LF and CR as LF, its last line ended, and quoted.
    private func quotedBody() -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(body.utf8.count + 16)
        var last: UInt8 = 0x0A
        var lineStart = 0
        for byte in body.utf8 {
            defer { last = byte }
            if byte == 0x0A, last == 0x0D { continue }
            text.append(byte == 0x0D ? 0x0A : byte)
            if byte == 0x0A || byte == 0x0D {
                Self.quoteLine(from: lineStart, of: &text)
                lineStart = text.count
            }
        }
        guard lineStart < text.count else { return text }
        Self.quoteLine(from: lineStart, of: &text)
        text.append(0x0A)
        return text
    }

    private static func quoteLine(from start: Int, of text: inout [UInt8]) {
        let line = text[start...]
        if line.drop(while: { $0 == 0x3E }).starts(with: mark) { text.insert(0x3E, at: start) }
    }
}

/// The left half of a mail's `Message-ID`, one for each key: what may not stand there (RFC 5322,
/// section 3.2.3) is written as `=` and two hexadecimal digits.
struct MailID: Hashable {
    let text: String

    init(key: String) {
        var text: [UInt8] = []
        text.reserveCapacity(key.utf8.count + 8)
        for byte in key.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "/"),
                UInt8(ascii: "_"):
                text.append(byte)
            default:
                text.append(UInt8(ascii: "="))
                text += [byte >> 4, byte & 15].map { $0 < 10 ? 0x30 + $0 : 0x37 + $0 }
            }
        }
        self.text = String(decoding: text, as: UTF8.self)
    }

    /// As it was read from a file.
    init(stored: ArraySlice<UInt8>) { text = String(decoding: stored, as: UTF8.self) }
}

/// When a mail was sent, in the two forms in which a mail says so; both in UTC.
private struct MailDate {
    /// `Sat, 31 Jan 2026 09:30:00 +0000` (RFC 5322, section 3.3).
    let header: String
    /// `Sat Jan 31 09:30:00 2026`, as C's `asctime` writes it (RFC 4155, appendix A).
    let envelope: String

    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    init(_ time: Timestamp) {
        // `2026-01-31T09:30:00.000000Z`
        let text = Array(time.description.utf8)
        func part(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }
        let weekday = Self.days[Int(max(0, time.microseconds) / 86_400_000_000 % 7)]
        let number = Int(text[5] - 0x30) * 10 + Int(text[6] - 0x30)
        let month = Self.months[(number + 11) % 12]
        let day = text[8] == 0x30 ? " " + part(9..<10) : part(8..<10)
        header = "\(weekday), \(part(8..<10)) \(month) \(part(0..<4)) \(part(11..<19)) +0000"
        envelope = "\(weekday) \(month) \(day) \(part(11..<19)) \(part(0..<4))"
    }
}
