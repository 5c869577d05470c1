import Domain
import EventSourcing
import Foundation
import Glibc
import Host
import Synchronization
import Testing

/// Mails as files: each once, whole or not at all.
@Suite(.scenarios) struct MailTests {
    private let place: Place
    private let clock = MailClock()

    init() throws { place = try Place() }

    private var today: String { "\(place.path)/2026-01-31.mbox" }

    private func start(
        write: @escaping MailFolder.Write = { Glibc.write($0, $1.baseAddress, $1.count) }
    ) throws -> MailFolder {
        try MailFolder(folder: place.path, runtime: clock, write: write)
    }

    private func send(_ key: String, _ body: String = "Thank you.", by mailer: MailFolder) throws {
        try mailer.send(key: key, to: "ada@example.com", subject: "Order \(key)", body: body)
    }

    /// The keys of the mails that are there.
    private func keys() throws -> [String] {
        try Mbox.mails(in: place.path).map { mail in
            let line = mail.split(separator: "\n").first { $0.hasPrefix("Message-ID: <") } ?? ""
            return String(line.dropFirst("Message-ID: <".count).prefix { $0 != "@" })
        }
    }

    @Test func `a mail is appended to its day's file as mbox has it, for the owner alone`() throws {
        try send("o1/received", "Thank you.\r\nBye.", by: try start())
        let text = try String(contentsOfFile: today, encoding: .utf8)
        #expect(
            text == """
                From shop@example.org Sat Jan 31 09:30:00 2026
                From: Kassa <shop@example.org>
                To: ada@example.com
                Subject: Order o1/received
                Date: Sat, 31 Jan 2026 09:30:00 +0000
                Message-ID: <o1/received@kassa.example.org>
                MIME-Version: 1.0
                Content-Type: text/plain; charset=utf-8
                Content-Length: 16

                Thank you.
                Bye.


                """)
        var status = stat()
        #expect(stat(today, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func `a header's value keeps to its line, whatever is in it`() throws {
        let mailer = try start()
        try mailer.send(
            key: "a b\r\nX: é", to: "a@b.example\r\nBcc: all@b.example", subject: "x\n\nFrom y",
            body: "")
        try send("second", by: mailer)
        let mails = try Mbox.mails(in: place.path)
        #expect(mails.count == 2)
        #expect(mails.first?.contains("\nBcc:") == false)
        #expect(mails.first?.contains("\nMessage-ID: <a=20b=0D=0AX=3A=20=C3=A9@") == true)
    }

    @Test func `several mails are written at once, each once, or none of them`() throws {
        let mailer = try start()
        try send("a", by: mailer)
        let mails = ["a", "b", "c", "b"].map {
            Mail(key: $0, to: "ada@example.com", subject: "Order", body: "Thank you.")
        }
        for result in mailer.send(mails) { try result.get() }
        #expect(try keys() == ["a", "b", "c"])
        let broken = try start { _, _ in
            errno = ENOSPC
            return -1
        }
        let refused = broken.send(
            ["d", "e"].map { Mail(key: $0, to: "x@example.com", subject: "", body: "") })
        #expect(refused.count == 2)
        for result in refused {
            #expect(throws: MailerDown.self) { try result.get() }
        }
        #expect(try keys() == ["a", "b", "c"])
    }

    @Test func `lines that look like the beginning of a mail are quoted`() throws {
        let mailer = try start()
        try send(
            "a", "From here\n>From there\n>>From all\n\nFrom\n> From\r\nFrom \rFrom x", by: mailer)
        try send("b", by: mailer)
        let mails = try Mbox.mails(in: place.path)
        #expect(mails.count == 2)
        let body = ">From here\n>>From there\n>>>From all\n\nFrom\n> From\n>From \n>From x\n"
        #expect(mails.first?.hasSuffix("\n\n\(body)") == true, "\(mails)")
        // The length is that of the body as it stands there.
        #expect(mails.first?.contains("\nContent-Length: \(body.utf8.count)\n") == true)
        #expect(try keys() == ["a", "b"])
        try send("b", by: try start())
        #expect(try keys() == ["a", "b"])
    }

    @Test func `the same key is delivered once, also after a restart and on another day`() throws {
        let first = try start()
        for key in ["a", "b", "a", "a_", "a/"] { try send(key, by: first) }
        #expect(try keys() == ["a", "b", "a_", "a/"])
        clock.set("2026-02-01T00:00:01Z")
        let second = try start()
        for key in ["a/", "c", "b", "a"] { try send(key, by: second) }
        #expect(try keys() == ["a", "b", "a_", "a/", "c"])
    }

    @Test func `the newest keys are known, and older ones make room`() throws {
        let limit = MailFolder.keyLimit
        let first = try start()
        for number in 0...limit { try send("\(number)", by: first) }
        for mailer in [first, try start()] {
            for number in 1...limit { try send("\(number)", by: mailer) }
        }
        #expect(Mbox.mails(today).count == limit + 1)
        try send("0", by: first)
        #expect(Mbox.mails(today).count == limit + 2)
    }

    @Test func `each day has its file, by UTC, and a clock set back goes to the old one`() throws {
        let mailer = try start()
        clock.set("2026-01-31T23:59:59Z")
        try send("a", by: mailer)
        clock.set("2026-02-01T00:00:00Z")
        try send("b", by: mailer)
        clock.set("2026-01-31T23:59:58Z")
        try send("c", by: mailer)
        #expect(Mbox.mails(today).count == 2)
        #expect(Mbox.mails("\(place.path)/2026-02-01.mbox").count == 1)
    }

    /// Wherever a kill cuts the second mail off, the first remains and the second is sent again.
    @Test func `a torn tail is cut off at the start, wherever it is torn`() throws {
        let mailer = try start()
        try send("a", by: mailer)
        let first = try #require(FileManager.default.contents(atPath: today))
        try send("b", "One.\n\nTwo.\n\n\nFrom three.", by: mailer)
        let both = try #require(FileManager.default.contents(atPath: today))
        for length in 0..<both.count {
            try both.prefix(length).write(to: URL(fileURLWithPath: today))
            let restarted = try start()
            let kept = try #require(FileManager.default.contents(atPath: today))
            #expect(kept == (length < first.count ? Data() : first), "\(length)")
            try send("a", by: restarted)
            try send("b", "One.\n\nTwo.\n\n\nFrom three.", by: restarted)
            #expect(FileManager.default.contents(atPath: today) == both, "\(length)")
        }
    }

    @Test func `yesterday's torn tail is cut off as well`() throws {
        try send("a", by: try start())
        let whole = try #require(FileManager.default.contents(atPath: today))
        try (whole + whole.prefix(100)).write(to: URL(fileURLWithPath: today))
        clock.set("2026-02-01T08:00:00Z")
        try send("b", by: try start())
        #expect(FileManager.default.contents(atPath: today) == whole)
        #expect(try keys() == ["a", "b"])
    }

    @Test(arguments: [0, 1, 60, 200])
    func `a mail that a full disk cuts short is taken back, and sent when there is room`(
        count: Int
    ) throws {
        let room = Mutex<Int?>(nil)
        let mailer = try start { descriptor, bytes in
            room.withLock { room in
                let allowed = min(room ?? .max, bytes.count)
                if let left = room { room = left - allowed }
                guard allowed > 0 else {
                    errno = ENOSPC
                    return -1
                }
                return Glibc.write(descriptor, bytes.baseAddress, allowed)
            }
        }
        try send("a", by: mailer)
        let before = try #require(FileManager.default.contents(atPath: today))
        for _ in 0..<2 {
            room.withLock { $0 = count }
            let failure = #expect(throws: MailerDown.self) { try send("b", by: mailer) }
            #expect(failure?.description.contains(today) == true)
            #expect(failure?.description.contains("No space left") == true)
            #expect(FileManager.default.contents(atPath: today) == before)
        }
        room.withLock { $0 = nil }
        try send("b", by: mailer)
        try send("a", by: mailer)
        #expect(try keys() == ["a", "b"])
    }

    @Test func `a file that somebody moves away is made anew, and what others write stays`() throws
    {
        let mailer = try start()
        try send("a", by: mailer)
        try FileManager.default.moveItem(atPath: today, toPath: "\(place.path)/kept")
        try send("b", by: mailer)
        #expect(try keys() == ["b"])
        let foreign = "From x@example.org Sat Jan 31 09:30:00 2026\nSubject: x\n\nNo empty line."
        try Data(foreign.utf8).write(to: URL(fileURLWithPath: today))
        try send("c", by: mailer)
        #expect(try Mbox.mails(in: place.path).first?.hasPrefix(foreign) == true)
        #expect(try keys() == ["", "c"])
    }

    @Test func `what cannot be opened says where`() throws {
        try FileManager.default.createDirectory(
            atPath: today, withIntermediateDirectories: false)
        let failure = #expect(throws: MailFolder.Failure.self) { _ = try start() }
        #expect(failure?.description.contains(today) == true)
    }
}

/// A folder that goes when its test does.
private final class Place: Sendable {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/kassa-mails-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A clock that stands where it is set.
private final class MailClock: Runtime {
    private let time = Mutex(Timestamp("2026-01-31T09:30:00Z") ?? .epoch)

    func set(_ text: String) { time.withLock { $0 = Timestamp(text) ?? .epoch } }
    func now() -> Timestamp { time.withLock { $0 } }
    func random() -> UInt64 { 4 }
}
