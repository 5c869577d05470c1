import Foundation
import Host
import Testing

/// `shopctl bench`: what it prints, and that its figures fit each other. How fast is never asked.
@Suite(.scenarios) struct BenchTests {
    /// What `--json` printed.
    private struct Report {
        let kind: String
        let machine: [String: Any]
        private let figures: [[String: Any]]
        private let latencies: [[String: Any]]

        init(_ finished: Finished) throws {
            let json = try JSONSerialization.jsonObject(with: Data(finished.output.utf8))
            let report = try #require(json as? [String: Any], "\(finished)")
            kind = try #require(report["kind"] as? String)
            machine = try #require(report["machine"] as? [String: Any])
            figures = try #require(report["figures"] as? [[String: Any]])
            latencies = try #require(report["latencies"] as? [[String: Any]])
        }

        /// The figure's value, in the first section whose title begins so.
        func figure(_ section: String, _ name: String) throws -> Double {
            try #require(row(figures, section, name)?["value"] as? Double, "\(section) \(name)")
        }

        /// p50, p99, p99.9 and the greatest, and of how many.
        func latency(_ section: String, _ name: String) throws -> (parts: [Double], count: Int) {
            let found = row(latencies, section, name)
            let row = try #require(found, "\(section) \(name)")
            let parts = ["p50", "p99", "p999", "max"].compactMap { row[$0] as? Double }
            return (parts, row["count"] as? Int ?? -1)
        }

        func names(_ section: String) -> [String] {
            figures.filter { ($0["section"] as? String)?.hasPrefix(section) == true }
                .compactMap { $0["name"] as? String }
        }

        private func row(_ rows: [[String: Any]], _ section: String, _ name: String)
            -> [String: Any]?
        {
            rows.first {
                ($0["section"] as? String)?.hasPrefix(section) == true
                    && $0["name"] as? String == name
            }
        }
    }

    private func bench(_ arguments: [String], in folder: Folder) throws -> Finished {
        try Shopctl.run(
            [Shopctl.path, "bench"] + arguments + ["--json", "--data", "\(folder.path)/bench"])
    }

    private static let latencies = [
        "placing: due to 201", "placed to delivered", "placed to completed",
    ]
    private static let stages = [
        "parse", "decide", "encode", "append", "commit", "relay", "broker", "consume", "project",
        "reply", "calls", "other", "load generator",
    ]

    private func check(_ report: Report, orders: Double) throws {
        #expect(try report.figure("burst", "accepted") == orders)
        for section in ["full load", "half load", "burst"] {
            let accepted = try report.figure(section, "accepted")
            #expect(accepted > 0)
            #expect(try report.figure(section, "refused with 503") == 0)
            #expect(try report.figure(section, "failed") == 0)
            for name in Self.latencies {
                let (parts, count) = try report.latency(section, name)
                #expect(count == Int(accepted), "\(section) \(name)")
                #expect(parts.count == 4 && parts == parts.sorted(), "\(section) \(name)")
                #expect(parts[0] > 0, "\(section) \(name)")
            }
        }
        // Each order has a dozen events at least, and each is counted.
        #expect(try report.figure("burst", "events an order") > 12)
        let accepted = try report.figure("burst", "accepted a second")
        #expect(try report.figure("burst", "completed a second") <= accepted)
    }

    @Test func `a small bench of a whole shop has figures that fit each other`() throws {
        let folder = try Folder()
        let arguments = ["--orders", "50", "--clients", "4", "--full", "1", "--half", "1"]
        let finished = try bench(arguments, in: folder)
        #expect(finished.code == 0 && finished.error.isEmpty, "\(finished)")
        let report = try Report(finished)
        #expect(report.kind == "shop")
        #expect(report.machine["processor"] is String && report.machine["cores"] is Int)
        try check(report, orders: 50)
        let stages = try Self.stages.map { try report.figure("processor time", $0) }
        let all = try report.figure("processor time", "all of the process")
        // The stages share out what the process used, all of it.
        #expect(all > 0 && abs(stages.reduce(0, +) - all) < all / 100, "\(stages) \(all)")
        #expect(try report.figure("processor time", "samples") > 0)
        #expect(try report.figure("memory", "peak") >= report.figure("memory", "at the end"))
        let sizes = report.names("on disk")
        #expect(["orders", "payments", "deliveries"].allSatisfy { sizes.contains("\($0) log") })
        #expect(try report.figure("on disk", "orders log") > 500)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/bench"))
    }

    @Test func `a shop that runs already is driven, and its process left out`() throws {
        let shop = try RunningShop(try Folder())
        let arguments = [
            "shop", "--orders", "30", "--clients", "3", "--full", "1", "--half", "1", "--url",
            shop.url,
        ]
        let report = try Report(try bench(arguments, in: shop.folder))
        try check(report, orders: 30)
        #expect(report.names("processor time").isEmpty && report.names("memory").isEmpty)
        let level = try shop.get("/v1/stock/bench-0")
        #expect(level.status == 200, "\(level)")
        try shop.stop()
    }

    @Test func `under many times the load what is taken is completed, and all is counted`() throws {
        let folder = try Folder()
        let arguments = [
            "overload", "--times", "30", "--seconds", "1", "--full", "1", "--clients", "300",
        ]
        let report = try Report(try bench(arguments, in: folder))
        let accepted = try report.figure("overload", "accepted")
        let refused = try report.figure("overload", "refused with 503")
        #expect(accepted > 0 && refused >= 0)
        #expect(try report.figure("overload", "failed") == 0)
        #expect(try report.latency("overload", "placing: due to 201").count == Int(accepted))
        #expect(try report.latency("overload", "refused: due to 503").count == Int(refused))
        let asked = try report.figure("overload", "asked for a second")
        let full = try report.figure("full load before", "completed a second")
        #expect(abs(asked / full - 30) < 0.01)
        #expect(report.names("full load again").contains("of what was completed before"))
        #expect(try report.figure("full load again", "failed") == 0)
    }

    @Test func `a folder that holds something else is left as it is`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/bench"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(path)/note"))
        let refused = try bench(["--orders", "1"], in: folder)
        #expect(refused.code == 1 && refused.error.contains("--data"), "\(refused)")
        #expect(FileManager.default.contents(atPath: "\(path)/note") == Data("mine".utf8))
    }

    @Test func `what a bench that was killed has left is taken over`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/bench"
        do {
            let killed = try BenchFolder(path)
            try FileManager.default.createDirectory(
                atPath: killed.path, withIntermediateDirectories: true)
            // As long as it runs nobody else gets it.
            #expect(throws: BenchFolder.Failure.self) { _ = try BenchFolder(path) }
            withExtendedLifetime(killed) {}
        }
        let next = try BenchFolder(path)
        #expect(!FileManager.default.fileExists(atPath: next.path))
        next.remove()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `latencies are kept to a tenth of a percent`() {
        var latencies = Latencies()
        for value in 1...100_000 { latencies.add(microseconds: Int64(value)) }
        #expect(latencies.count == 100_000)
        for (part, exact) in [(0.001, 0.1), (0.5, 50), (0.99, 99), (0.999, 99.9), (1, 100)] {
            let found = latencies.milliseconds(part)
            #expect(found >= exact && found <= exact * 1.001, "\(part): \(found)")
        }
        latencies.add(microseconds: -5)
        latencies.add(microseconds: .max)
        #expect(latencies.milliseconds(0) == 0 && latencies.milliseconds(1) > 1e6)
        #expect(Latencies().milliseconds(0.5) == 0)
    }

    @Test func `a trend has medians and a slope`() {
        let rising = Trend((0..<90).map { (Double($0), 100 + Double($0)) })
        #expect(rising.first == 115 && rising.last == 175)
        #expect(abs(rising.perHour - 3600) < 0.001)
        let flat = Trend((0..<90).map { (Double($0), $0 == 40 ? 900 : 7.0) })
        #expect(flat.first == 7 && flat.last == 7)
        let empty = Trend([])
        #expect(empty.first == 0 && empty.last == 0 && empty.perHour == 0)
    }
}
