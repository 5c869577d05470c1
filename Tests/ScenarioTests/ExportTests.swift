import EventSourcing
import Foundation
import Glibc
import Testing

/// `shopctl export events`.
@Suite(.scenarios) struct ExportTests {
    private func export(_ folder: Folder, _ more: String...) throws -> Finished {
        try Shopctl.run([Shopctl.path, "export", "events", "--data", folder.data] + more)
    }

    /// A stopped shop with an order whose text needs quoting.
    private func stopped() throws -> Folder {
        let shop = try RunningShop.fresh()
        _ = try shop.ended(OrderBody(more: "\"reference\":\"say, \\\"two\\\"\""))
        _ = try shop.ended()
        try shop.stop()
        return shop.folder
    }

    /// Fields of records, as RFC 4180 has them.
    private func records(_ text: String) -> [[String]] {
        var records: [[String]] = []
        var (record, field, isQuoted): ([String], [UInt8], Bool) = ([], [], false)
        for byte in text.utf8 {
            switch byte {
            // Two quotes in a row close and open again; the first of a pair is put back.
            case 0x22:
                isQuoted.toggle()
                field.append(byte)
            case 0x2C where !isQuoted, 0x0A where !isQuoted:
                record.append(unquoted(field))
                field = []
                if byte == 0x0A {
                    records.append(record)
                    record = []
                }
            default: field.append(byte)
            }
        }
        return records
    }

    private func unquoted(_ field: [UInt8]) -> String {
        var text = String(decoding: field, as: UTF8.self)
        if text.utf8.last == 0x0D || text.hasSuffix("\r") { text.removeLast() }
        guard text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
        return text.dropFirst().dropLast().replacingOccurrences(of: "\"\"", with: "\"")
    }

    @Test func `every event is a record of CSV`() throws {
        let folder = try stopped()
        let done = try export(folder)
        #expect(done.code == 0, "\(done)")
        #expect(done.output.utf8.count { $0 == 0x0A } == done.output.utf8.count { $0 == 0x0D })
        let records = records(done.output.replacingOccurrences(of: "\r\n", with: "\n"))
        #expect(records.first?.first == "id" && records.first?.last == "data")
        var events: [String: JSON] = [:]
        for service in EventListings.services {
            for event in try Shopctl.events(service, in: folder) {
                events[event["id"]?.string ?? ""] = event
            }
        }
        #expect(records.count == events.count + 1)
        for record in records.dropFirst() {
            #expect(record.count == 11)
            let event = events[record[0]]
            #expect(record[1] == event?["stream"]?.string)
            #expect(record[5] == event?["recordedAt"]?.string)
            #expect(try JSON(parsing: Array(record[10].utf8)) == event?["data"])
        }
    }

    @Test func `a file is written whole, and an existing one only by force`() throws {
        let folder = try stopped()
        let file = "\(folder.path)/events.jsonl"
        let arguments = ["--format", "jsonl", "--service", "payments", "--output", file]
        func run(_ more: String...) throws -> Finished {
            try Shopctl.run(
                [Shopctl.path, "export", "events", "--data", folder.data] + arguments + more)
        }
        let first = try run()
        #expect(first.code == 0 && first.output.contains("wrote"), "\(first)")
        let listed = try Shopctl.run(
            "events", "--json", "--service", "payments", "--data", folder.data)
        let written = try String(contentsOfFile: file, encoding: .utf8)
        #expect(written == listed.output)
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        try "mine".write(toFile: file, atomically: true, encoding: .utf8)
        let refused = try run()
        #expect(refused.code == 1 && refused.error.contains("--force"), "\(refused)")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
        let forced = try run("--force", "--json")
        #expect(forced.code == 0, "\(forced)")
        let said = try JSON(parsing: Array(forced.output.utf8))
        #expect(said["rows"]?.integer == Int64(written.split(separator: "\n").count))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == written)
    }

    @Test func `what cannot be written is said, and nothing is left`() throws {
        let folder = try stopped()
        let nowhere = try export(folder, "--output", "\(folder.path)/no/such/place")
        #expect(nowhere.code == 1 && nowhere.error.contains("--output"), "\(nowhere)")
        let device = try export(folder, "--output", "/dev/null", "--force")
        #expect(device.code == 1 && device.error.contains("no ordinary file"), "\(device)")
        let idle = try export(folder, "--force")
        #expect(idle.code == 2 && idle.error.contains("--output"), "\(idle)")
        let format = try export(folder, "--format", "xml")
        #expect(format.code == 2 && format.error.contains("csv, jsonl"), "\(format)")
        let full = try Shopctl.run([
            "sh", "-c", "\(Shopctl.path) export events --data \(folder.data) > /dev/full",
        ])
        #expect(full.code == 1 && full.error.contains("standard output"), "\(full)")
    }

    @Test func `Ctrl-C leaves no half file`() throws {
        let folder = try stopped()
        // So many events that it is certainly still at work when it is interrupted.
        _ = try sqlite(
            folder.log("notifications"),
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
            INSERT INTO events SELECT 1000000 + i, 1, 1, 1000000 + i, type, schema, recorded, data,
            metadata, leaf FROM n, events WHERE position = 1;
            """)
        let exporter = try Child(
            [
                Shopctl.path, "export", "events", "--data", folder.data, "--output",
                "\(folder.path)/events.csv",
            ], output: "\(folder.path)/export")
        func drafts() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder.path)
                .filter { $0.hasPrefix("events.csv") }
        }
        try eventually("it has begun") { try !drafts().isEmpty }
        exporter.signal(SIGINT)
        #expect(try exporter.end() == 1)
        #expect(exporter.standardError.contains("interrupted"), "\(exporter.standardError)")
        #expect(try drafts().isEmpty)
    }
}
