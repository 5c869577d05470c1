/// The end of an mbox file, read back: what it says of the mails in it, and where the whole ones
/// end.
struct MboxTail {
    /// Those of the mails that are whole, oldest first.
    private(set) var ids: [MailID] = []
    /// How many of the bytes to keep: what follows was left of a mail that was not wholly written.
    private(set) var keep: Int

    /// - Parameters:
    ///   - bytes: the file's last ones.
    ///   - isAll: whether they are all of it; else the first mail's beginning is missing.
    init(_ bytes: [UInt8], isAll: Bool) {
        keep = bytes.count
        var mail: Mail?
        var isMarkExpected = isAll
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
            let line = bytes[start..<end]
            if isMarkExpected, line.starts(with: MboxMail.mark) {
                if let id = mail?.id { ids.append(id) }
                mail = Mail(start: start)
            } else if end < bytes.count {
                mail?.take(line)
            }
            isMarkExpected = line.isEmpty
            start = end + 1
        }
        guard let mail else {
            // The file's very first bytes.
            if isAll, MboxMail.mark.starts(with: bytes) { keep = 0 }
            return
        }
        guard let body = mail.body else {
            keep = mail.start
            return
        }
        // Whoever wrote a mail without its length is not us, and wrote as much as it wanted to.
        if let length = mail.length {
            let (end, overflow) = (body + 1).addingReportingOverflow(length)
            guard !overflow, end <= bytes.count else {
                keep = mail.start
                return
            }
            if MboxMail.mark.starts(with: bytes[end...]) { keep = end }
        }
        if let id = mail.id { ids.append(id) }
    }

    /// What its headers have told so far.
    private struct Mail {
        let start: Int
        var id: MailID?
        var length: Int?
        /// Where its body begins, once the headers are over.
        var body: Int?

        init(start: Int) { self.start = start }

        /// Takes the next line, which is whole.
        mutating func take(_ line: ArraySlice<UInt8>) {
            guard body == nil else { return }
            if line.isEmpty {
                body = line.endIndex + 1
            } else if line.starts(with: MboxMail.lengthHeader) {
                length = Self.number(line.dropFirst(MboxMail.lengthHeader.count))
            } else if line.starts(with: MboxMail.idHeader),
                line.suffix(MboxMail.domain.count).elementsEqual(MboxMail.domain)
            {
                id = MailID(
                    stored: line.dropFirst(MboxMail.idHeader.count)
                        .dropLast(MboxMail.domain.count))
            }
        }

        private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
            guard (1...12).contains(digits.count) else { return nil }
            var value = 0
            for digit in digits {
                guard (0x30...0x39).contains(digit) else { return nil }
                value = value * 10 + Int(digit - 0x30)
            }
            return value
        }
    }
}
