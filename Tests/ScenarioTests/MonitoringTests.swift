import EventSourcing
import Foundation
import Testing

/// The alerts, the scrape configuration and the dashboard in `Examples/monitoring`, against a shop.
@Suite(.scenarios) struct MonitoringTests {
    private static let folder = "\(Shopctl.root.path)/Examples/monitoring"

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    private func example(_ name: String) throws -> String { try text("\(Self.folder)/\(name)") }

    /// Whatever reads like the name of a series, in PromQL or in what surrounds it.
    private func words(_ text: String) -> Set<String> {
        let words = text.split { character in
            !(character.isASCII && (character.isLetter || character.isNumber))
                && character != "_" && character != ":"
        }
        return Set(words.map(String.init))
    }

    /// The metrics that a text names; recorded series have their level before the name.
    private func metrics(_ text: String) -> Set<String> {
        words(text).filter { $0.hasPrefix("kassa_") || $0.hasPrefix("process_") }
    }

    /// What is between backticks.
    private func quoted(_ text: some StringProtocol) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
    }

    /// The metrics in the first column of tables in ARCHITECTURE.md.
    private func documented() throws -> Set<String> {
        let page = try text("\(Shopctl.root.path)/docs/ARCHITECTURE.md")
        let names = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
            .flatMap { quoted($0.dropFirst(2).prefix { $0 != "|" }) }
        return Set(names.map { "kassa_\($0)" })
    }

    /// Every series of a scrape, and every family, of which some have no series now.
    private func served(_ scrape: String) -> Set<String> {
        let names = scrape.split(separator: "\n").compactMap { line -> Substring? in
            let isType = line.hasPrefix("# TYPE ")
            guard isType || !line.hasPrefix("#") else { return nil }
            return (isType ? line.dropFirst(7) : line).prefix { $0 != " " && $0 != "{" }
        }
        return Set(names.map(String.init))
    }

    @Test(arguments: [
        ["check", "rules", "kassa-alerts.yml"], ["test", "rules", "kassa-alerts-test.yml"],
        ["check", "config", "prometheus.yml"],
    ])
    func `promtool finds nothing wrong with the alerts`(_ arguments: [String]) throws {
        guard try Shopctl.run(["sh", "-c", "command -v promtool"]).code == 0 else {
            print("skipped: \"promtool finds nothing wrong\": there is no promtool")
            return
        }
        var command = ["promtool"] + arguments.dropLast()
        command += arguments.suffix(1).map { "\(Self.folder)/\($0)" }
        let checked = try Shopctl.run(command)
        #expect(checked.code == 0, "\(checked.all)")
    }

    @Test func `every metric of the alerts and the dashboard is there`() throws {
        let shop = try RunningShop.fresh()
        _ = try shop.ended()
        // A part is told of as soon as another process hears of it, as are its circuit breakers.
        let parted = try RunningShop.fresh(as: .processes)
        var known = try documented()
        try eventually("both shops tell of their parts") {
            let scrapes = try [shop, parted].map { served(try Scrape($0).text) }
            known.formUnion(scrapes.joined())
            return scrapes.allSatisfy { $0.contains("kassa_part_up") }
                && scrapes[1].contains("kassa_circuit_breaker_open")
        }
        for name in ["kassa-alerts.yml", "kassa-dashboard.json"] {
            let named = metrics(try example(name))
            #expect(named.count > 20, "\(name)")
            let missing = named.subtracting(known).sorted()
            #expect(missing.isEmpty, "\(name) names what no shop tells: \(missing)")
        }
    }

    @Test func `every recorded series is recorded, and every alert is seen to fire`() throws {
        let rules = try example("kassa-alerts.yml")
        func named(_ key: String) -> Set<String> {
            let lines = rules.split(separator: "\n")
            return Set(
                lines.compactMap { line in
                    line.firstRange(of: "- \(key): ").map { String(line[$0.upperBound...]) }
                })
        }
        let used = words(rules).filter { $0.contains(":kassa_") }
        #expect(!used.isEmpty && used == named("record"))
        let alerts = named("alert")
        #expect(alerts.count > 20)
        let missing = alerts.subtracting(words(try example("kassa-alerts-test.yml")))
        #expect(missing.isEmpty, "\(missing)")
    }

    @Test func `every command that an alert names is one of shopctl's`() throws {
        let rules = try example("kassa-alerts.yml").split(separator: "\n")
            .filter { !$0.contains("#") }.joined(separator: " ")
        let commands = quoted(rules).compactMap { text -> [String]? in
            let words = text.split(separator: " ").map(String.init)
            guard words.first == "shopctl" else { return nil }
            return Array(
                words.dropFirst().prefix { $0.allSatisfy { $0.isASCII && $0.isLowercase } })
        }
        #expect(commands.count > 20)
        for command in Set(commands) {
            let line = [Shopctl.path] + command + ["--help"]
            let help = try Shopctl.run(line)
            #expect(help.code == 0, "shopctl \(command): \(help.all)")
        }
    }

    @Test func `the dashboard is JSON whose panels have ids of their own`() throws {
        let dashboard = try JSON(parsing: example("kassa-dashboard.json"))
        let inputs = dashboard["__inputs"]?.array ?? []
        #expect(inputs.map { $0["name"]?.string } == ["DS_PROMETHEUS"])
        let panels = dashboard["panels"]?.array ?? []
        let ids = panels.compactMap { $0["id"]?.integer }
        #expect(ids.count > 30 && ids.count == panels.count && Set(ids).count == ids.count)
        for panel in panels where panel["type"]?.string != "row" {
            let title = panel["title"]?.string ?? ""
            #expect(panel["datasource"]?["uid"]?.string == "${DS_PROMETHEUS}", "\(title)")
            let expressions = (panel["targets"]?.array ?? []).compactMap { $0["expr"]?.string }
            #expect(!title.isEmpty && !expressions.isEmpty, "\(title)")
        }
    }
}
