import EventSourcing
import Foundation
import Glibc
import Host
import Testing

/// Lines of the operators' log, as they are written and read again.
@Suite struct LineTests {
    private let time = Timestamp(microseconds: 1_800_000_000_000_001)

    private func line(_ text: String, _ level: LogLine.Level = .info, after: Int64 = 0)
        -> WrittenLine
    {
        WrittenLine(Timestamp(microseconds: time.microseconds + after), level, "orders", text)
    }

    @Test func `a line says of whom it is, and what it is about`() {
        let told = LogLine(
            "payments/1/2 is parked: \"no\"\n", .error,
            about: Metadata(correlation: "c-1", actor: "ann"),
            stream: StreamID("payment", "o1"),
            event: EventIdentity(log: LogName("payments"), epoch: Epoch(1), position: Position(2)))
        let written = WrittenLine(told, of: "orders", at: time)
        let trace = written.trace ?? ""
        #expect(trace.utf8.count == 32)
        #expect(
            written.json == """
                {"time":"2027-01-15T08:00:00.000001Z","level":"error","service":"orders",\
                "message":"payments/1/2 is parked: \\"no\\"\\n","correlation":"c-1",\
                "trace":"\(trace)","order":"o1","event":"payments/1/2"}
                """)
        #expect(WrittenLine(json: written.json.utf8) == written)
        #expect(
            written.about
                == " (order o1, event payments/1/2, correlation c-1, trace \(trace))")
        #expect(WrittenLine("s" as LogLine, of: "orders", at: time).about == "")
    }

    @Test func `a line whose own service is named is of that one`() {
        let told = LogLine("up", service: "payments")
        #expect(WrittenLine(told, of: "shop", at: time).service == "payments")
        #expect(WrittenLine(told, of: "shop", at: time).level == .warning)
    }

    @Test func `a message has a limit`() {
        let long = line(String(repeating: "ä", count: 10_000))
        #expect(long.message.utf8.count == WrittenLine.longest + 4)
        #expect(long.message.hasSuffix("ä ..."))
    }

    @Test(arguments: [
        "", "text", "{}", "{\"time\":\"x\",\"level\":\"info\"}", "[1]",
        """
        {"time":"2027-01-15T08:00:00Z","level":"loud","service":"s","message":"m"}
        """,
    ])
    func `what is no line is none`(text: String) {
        #expect(WrittenLine(json: text.utf8) == nil)
    }

    // MARK: Files

    @Test func `nothing is made before the first line, nor where the shop's folder is not there`()
        throws
    {
        let folder = try TemporaryFolder()
        let file = LineFile("orders", in: folder.path)
        #expect(try folder.names.isEmpty)
        file.append(line("first"))
        #expect(try folder.names == ["logs"])
        LineFile("orders", in: "\(folder.path)/none").append(line("lost"))
        #expect(try folder.names == ["logs"])
    }

    private func history(
        _ folder: TemporaryFolder, _ change: (inout LineQuestion) -> Void = { _ in }
    )
        -> LineHistory
    {
        var question = LineQuestion()
        change(&question)
        return LineHistory(in: folder.path, question)
    }

    @Test func `lines of all files come by time, the newest so many`() throws {
        let folder = try TemporaryFolder()
        let (orders, payments) = (
            LineFile("orders", in: folder.path), LineFile("payments", in: folder.path)
        )
        orders.append(line("1", after: 1))
        payments.append(line("2", after: 2))
        orders.append(line("4", .warning, after: 4))
        payments.append(line("3", .debug, after: 3))
        var all = history(folder)
        #expect(try all.read().map(\.message) == ["1", "2", "3", "4"])
        var two = history(folder) { $0.limit = 2 }
        #expect(try two.read().map(\.message) == ["3", "4"])
        var late = history(folder) {
            $0.since = Timestamp(microseconds: time.microseconds + 2)
            $0.level = .info
        }
        #expect(try late.read().map(\.message) == ["2", "4"])
        var others = history(folder) { $0.service = "payments" }
        #expect(try others.read().isEmpty)
    }

    @Test func `a full file is turned over, one is kept, and a reader follows`() throws {
        let folder = try TemporaryFolder()
        let file = LineFile("orders", in: folder.path, most: 250)
        var reader = history(folder)
        file.append(line("0"))
        #expect(try reader.read().map(\.message) == ["0"])
        // Some three lines fill a file.
        for number in 1...3 { file.append(line("\(number)", after: Int64(number))) }
        #expect(reader.more().map(\.message) == ["1", "2", "3"])
        for number in 4...8 { file.append(line("\(number)", after: Int64(number))) }
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/logs")
        #expect(names.sorted() == ["orders.1.jsonl", "orders.jsonl"])
        #expect(reader.more().map(\.message).suffix(2) == ["7", "8"])
        var fresh = history(folder)
        let kept = try fresh.read().map(\.message)
        #expect(kept.last == "8" && kept.count < 8 && kept == kept.sorted())
    }

    @Test func `a line that a death has torn is left out, and the next one is whole`() throws {
        let folder = try TemporaryFolder()
        LineFile("orders", in: folder.path).append(line("1"))
        let path = "\(folder.path)/logs/orders.jsonl"
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"time\":\"2027-01-15T08".utf8))
        try handle.close()
        LineFile("orders", in: folder.path).append(line("2", after: 1))
        var all = history(folder)
        #expect(try all.read().map(\.message) == ["1", "2"])
    }

    @Test func `a folder that somebody deletes is made again`() throws {
        let folder = try TemporaryFolder()
        let file = LineFile("orders", in: folder.path)
        file.append(line("1"))
        try FileManager.default.removeItem(atPath: "\(folder.path)/logs")
        file.append(line("2"))
        var all = history(folder)
        #expect(try all.read().map(\.message) == ["2"])
    }

    @Test func `what cannot be written is left out`() throws {
        let folder = try TemporaryFolder()
        try Data().write(to: URL(fileURLWithPath: "\(folder.path)/logs"))
        LineFile("orders", in: folder.path).append(line("1"))
        #expect(try folder.names == ["logs"])
    }

    @Test func `a folder without lines is told apart from a quiet shop`() throws {
        let folder = try TemporaryFolder()
        var reader = history(folder)
        #expect(throws: Shop.Failure.self) { _ = try reader.read() }
    }
}
