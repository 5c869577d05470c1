import Foundation

/// Mbox files, read as RFC 4155 has it: a mail begins where `From ` follows an empty line.
enum Mbox {
    /// All mails of a folder, each with its first line, day by day.
    static func mails(in folder: String) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return names.filter { $0.hasSuffix(".mbox") }.sorted().flatMap { mails("\(folder)/\($0)") }
    }

    /// The mails of one file, each with its first line.
    static func mails(_ path: String) -> [String] {
        let bytes = FileManager.default.contents(atPath: path) ?? Data()
        var mails: [String] = []
        var isMarkExpected = true
        for line in String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        {
            if isMarkExpected, line.hasPrefix("From ") {
                mails.append("")
            } else if !mails.isEmpty {
                mails[mails.count - 1] += "\n"
            }
            if !mails.isEmpty { mails[mails.count - 1] += line }
            isMarkExpected = line.isEmpty
        }
        return mails
    }
}
