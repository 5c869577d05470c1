import EventSourcing
import Foundation
import Glibc
import Testing

/// The benches of growth and of rebuilding, on a scale that only shows that they measure.
@Suite(.scenarios) struct LongLogBenchTests {
    private func figures(_ arguments: String...) throws -> [String: Double] {
        let folder = try Folder()
        let done = try Shopctl.run(
            [Shopctl.path, "bench"] + arguments + ["--json", "--data", "\(folder.path)/bench"])
        #expect(done.code == 0, "\(done.all)")
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/bench"))
        let rows = try JSON(parsing: Array(done.output.utf8))["figures"]?.array ?? []
        var figures: [String: Double] = [:]
        for row in rows {
            guard let name = row["name"]?.string else { continue }
            switch row["value"] {
            case .number(let digits)?: figures[name] = Double(digits)
            case .integer(let value)?: figures[name] = Double(value)
            default: break
            }
        }
        return figures
    }

    @Test func `growth is measured from the first event to the last`() throws {
        let found = try figures("growth", "--events", "20000")
        for name in [
            "append, up to 2000", "append, up to 20000", "append, last part against first",
            "on disk", "opening after a clean stop", "opening after a kill",
            "reading an old stream of 9 events, p99", "reading a new stream of 9 events, p50",
        ] {
            #expect((found[name] ?? 0) > 0, "\(name) of \(found)")
        }
    }

    @Test func `growth says what room it needs where there is too little`() throws {
        var status = statvfs()
        try #require(statvfs(NSTemporaryDirectory(), &status) == 0)
        guard UInt64(status.f_bavail) * UInt64(status.f_frsize) < 400 << 30 else { return }
        let folder = try Folder()
        let refused = try Shopctl.run(
            "bench", "growth", "--events", "1000000000", "--data", "\(folder.path)/bench")
        #expect(refused.code == 1 && refused.error.contains("MiB are free"), "\(refused)")
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/bench"))
    }

    @Test func `rows, audit and starts are measured on a shop of whole orders`() throws {
        let found = try figures("rebuild", "--orders", "20")
        for name in [
            "rebuild of all projections", "audit of the logs", "audit, with the read store",
            "up after a kill, ready to serve", "up after a clean stop, ready to serve",
        ] {
            #expect((found[name] ?? 0) > 0, "\(name) of \(found)")
        }
        #expect((found["events"] ?? 0) > 200)
    }
}
