import Domain
package import EventSourcing
import Foundation
import Glibc

/// Writes each mail as an `.eml` file into a folder; the same key is the same file, so that no mail
/// is there twice.
package struct MailFolder: Mailer {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let folder: String
    private let runtime: any Runtime

    /// - Throws: where the folder cannot be made.
    package init(folder: String, runtime: any Runtime) throws {
        self.folder = folder
        self.runtime = runtime
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
    }

    /// The file appears whole or not at all (RFC 5322 text, UTF-8).
    package func send(key: String, to: String, subject: String, body: String) throws {
        let safe = key.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" }
        let text = """
            From: Kassa <shop@example.org>
            To: \(line(to))
            Subject: \(line(subject))
            Date: \(Self.date(runtime.now()))
            Message-ID: <\(String(safe))@kassa.example.org>
            MIME-Version: 1.0
            Content-Type: text/plain; charset=utf-8

            \(body)

            """.replacingOccurrences(of: "\n", with: "\r\n")
        try write(Array(text.utf8), to: "\(folder)/\(String(safe)).eml")
    }

    /// Writes beside the place, then moves. It is not synced: the folder stands for a mail server,
    /// and what it holds survives the process, which is what tests and demonstrations need.
    private func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = open("\(path).new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw fault(path, errno) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else {
                let code = errno
                close(descriptor)
                // Half a mail would hold room that others need.
                unlink("\(path).new")
                throw fault(path, code)
            }
            written += count
        }
        close(descriptor)
        guard rename("\(path).new", path) == 0 else { throw fault(path, errno) }
    }

    /// Of what keeps any mail from being written, that it does.
    private func fault(_ path: String, _ code: Int32) -> any Error {
        let text = "cannot write \(path): \(String(cString: strerror(code)))"
        let ofMachine = [ENOSPC, EDQUOT, EROFS, EIO, EMFILE, ENFILE, EACCES, EPERM, ENOENT]
        return ofMachine.contains(code) ? MailerDown(text) : Failure(description: text)
    }

    /// `Sat, 31 Jan 2026 09:30:00 +0000` (RFC 5322, section 3.3).
    private static func date(_ time: Timestamp) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let text = time.description
        let parts = text.prefix(10).split(separator: "-")
        let day = days[Int(max(0, time.microseconds) / 86_400_000_000 % 7)]
        guard parts.count == 3, let month = Int(parts[1]), months.indices.contains(month - 1)
        else { return text }
        let clock = text.dropFirst(11).prefix(8)
        return "\(day), \(parts[2]) \(months[month - 1]) \(parts[0]) \(clock) +0000"
    }

    /// A header's value keeps to its line.
    private func line(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    }
}
