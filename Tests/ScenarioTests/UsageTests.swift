import Foundation
import Testing

/// What somebody gets who types something wrong.
@Suite(.scenarios) struct UsageTests {
    private static let commands = [
        [], ["up"], ["order"], ["order", "place"], ["order", "get"], ["order", "cancel"],
        ["order", "list"], ["order", "watch"], ["report"], ["report", "revenue"],
        ["report", "orders"], ["export"], ["export", "events"], ["export", "orders"], ["doctor"],
        ["accounts"],
        ["replay", "order"],
        ["stock"], ["stock", "receive"], ["stock", "get"], ["events"], ["logs"], ["replay"],
        ["projections"],
        ["projections", "list"], ["projections", "rebuild"], ["epoch"], ["epoch", "open"],
        ["import"], ["import", "online-retail"], ["bench"], ["bench", "store"], ["bench", "shop"],
        ["bench", "overload"], ["bench", "soak"],
        ["bench", "growth"], ["bench", "rebuild"], ["bench", "tracing"],
    ]

    private func shopctl(_ arguments: [String]) throws -> Finished {
        try Shopctl.run([Shopctl.path] + arguments)
    }

    @Test func `every command explains itself with an example`() throws {
        for command in Self.commands {
            let help = try shopctl(command + ["--help"])
            #expect(help.code == 0 && help.error.isEmpty, "\(command): \(help)")
            #expect(help.output.contains("shopctl \(command.joined(separator: " "))"), "\(command)")
            #expect(help.output.lowercased().contains("example"), "\(help.output)")
        }
    }

    private static let wrong: [(arguments: [String], hint: String)] = [
        ([], "say which command"), (["ups"], "did you mean up?"), (["order"], "which command"),
        (["order", "plce"], "did you mean place?"),
        (["up", "--prot", "1"], "did you mean --port?"),
        (["up", "--port"], "needs a value"), (["up", "--port", "x"], "--port must be"),
        (["up", "--port", "70000"], "--port must be"), (["up", "--port", "-1"], "--port must be"),
        (["up", "--port", "1", "--port", "2"], "only once"), (["up", "extra"], "too many"),
        (["up", "--json=yes"], "takes no value"),
        (["order", "place"], "--line"), (["order", "place", "--line", "mug"], "SKU:QTY:PRICE"),
        (["order", "place", "--line", "mug:two:750"], "SKU:QTY:PRICE"),
        (["order", "place", "--line", "mug:99999999999999999999:1"], "SKU:QTY:PRICE"),
        (["order", "get"], "id is missing"), (["order", "get", "a", "b"], "too many"),
        (["order", "get", "a", "--url", "ftp://x"], "--url must be"),
        (["order", "get", "a", "--url", "http://h:99999"], "--url must be"),
        (["stock", "receive", "mug", "0"], "quantity must be"),
        (["stock", "receive", "mug", "many"], "quantity must be"),
        (["events", "--service", "shoes"], "--service must be"),
        (["events", "--limit", "0"], "--limit must be"),
        (["logs", "--level", "loud"], "--level must be"),
        (["logs", "--service", "shoes"], "--service must be"),
        (["logs", "--since", "noon"], "--since must be"),
        (["up", "--log-level", "loud"], "--log-level must be"),
        (["serve", "orders", "--log-form", "xml"], "--log-form must be"),
        (["events", "--after", "-5"], "--after must be"), (["replay"], "--verify"),
        (["accounts", "--url", "ftp://x"], "--url must be"),
        (["projections"], "which command"), (["projections", "rebuild"], "name is missing"),
        (["projections", "rebuild", "orders", "--nowait"], "--no-wait?"),
        (["projections", "list", "--url", "ftp://x"], "--url must be"),
        (["replay"], "replay order ID"), (["replay", "order"], "id is missing"),
        (["replay", "--verify", "order", "x"], "no option --verify"),
        (["order", "list", "--status", "lost"], "--status must be"),
        (["order", "list", "--from", "today"], "--from must be"),
        (["order", "list", "--from", "2026-02-02", "--to", "2026-02-01"], "--to must be"),
        (["order", "watch"], "id is missing"), (["report", "revenue"], "--by"),
        (["report", "revenue", "--by", "year"], "day, month, sku"),
        (["report", "revenue", "--by", "day", "--limit", "0"], "--limit must be"),
        (["report", "orders", "--by", "sku"], "--by must be"), (["export"], "which command"),
        (["export", "events", "--format", "xml"], "--format must be"),
        (["export", "events", "--force"], "--output"),
        (["export", "events", "--data", "/tmp", "--output", "/tmp/x.csv"], "outside of the shop"),
        (["up", "--data", ""], "--data"), (["up", "--data="], "--data"),
        (
            ["order", "place", "--line", "a:1:1", "--occurred-at", "0000-01-01T00:00:00Z"],
            "RFC 3339"
        ),
        (["doctor", "--port", "0"], "--port must be"),
        (["epoch", "open", "--service", "orders"], "--why"),
        (["epoch", "open", "--service", "orders", "--why", ""], "--why"),
        (["epoch", "open", "--service", "shoes", "--why", "x"], "deliveries"),
        (["import"], "which command"), (["import", "online-retail"], "file is missing"),
        (["import", "online-retail", "a", "b"], "too many"),
        (["import", "online-retail", "a", "--limit", "0"], "--limit must be"),
        (["import", "online-retail", "a", "--clients", "65"], "--clients must be"),
        (["import", "online-retail", "a", "--url", "x"], "--url must be"),
        (["bench", "shop", "--orders", "0"], "--orders must be"),
        (["bench", "--clients", "0"], "--clients must be"),
        (["bench", "--lines", "0"], "--lines must be"),
        (["bench", "shop", "--lines", "2001"], "--lines must be"),
        (["bench", "shops"], "did you mean shop?"),
        (["bench", "--url", "ftp://x"], "--url must be"),
        (["bench", "--orders", "5", "--duration", "5"], "together"),
        (["bench", "soak"], "--minutes"), (["bench", "soak", "--minutes", "0"], "--minutes must"),
        (["bench", "soak", "--minutes", "1", "--rate", "x"], "--rate must be"),
        (["bench", "growth", "--events", "10"], "--events must be"),
        (["bench", "growth", "--orders", "10"], "no option --orders"),
        (["bench", "rebuild", "--orders", "0"], "--orders must be"),
        (["bench", "rebuild", "--lines", "0"], "--lines must be"),
    ]

    @Test func `wrong usage exits with 2 and a hint`() throws {
        for (arguments, hint) in Self.wrong {
            let refused = try shopctl(arguments)
            #expect(refused.code == 2, "\(arguments): \(refused)")
            #expect(refused.error.contains(hint), "\(arguments): \(refused.error)")
            #expect(refused.error.contains("--help"), "\(arguments): \(refused.error)")
            #expect(refused.output.isEmpty, "\(arguments)")
        }
    }

    @Test func `where no shop runs the commands say how to start one`() throws {
        let url = ["--url", "http://127.0.0.1:1"]
        let commands = [
            ["order", "place", "--line", "mug:1:750"], ["order", "get", "x"],
            ["order", "cancel", "x"], ["stock", "receive", "mug", "1"], ["stock", "get", "mug"],
            ["projections", "list"], ["projections", "rebuild", "orders"],
            ["order", "list"], ["order", "watch", "x"], ["report", "revenue", "--by", "day"],
            ["bench"],
            ["report", "orders"], ["export", "orders"],
        ]
        for command in commands {
            let refused = try shopctl(command + url)
            #expect(refused.code == 1, "\(command): \(refused)")
            #expect(refused.error.contains("shopctl up"), "\(refused.error)")
        }
    }

    @Test func `where there is no folder the commands say so and make none`() throws {
        let folder = try Folder()
        let commands = [
            ["events"], ["replay", "--verify"], ["replay", "order", "x"], ["export", "events"],
            ["replay", "--verify", "--service", "orders"], ["events", "--follow"],
            ["epoch", "open", "--service", "orders", "--why", "x"],
        ]
        for command in commands {
            let refused = try shopctl(command + ["--data", folder.data])
            #expect(refused.code == 1, "\(command): \(refused)")
            #expect(refused.error.contains(folder.data), "\(refused.error)")
            #expect(!FileManager.default.fileExists(atPath: folder.data), "\(command)")
        }
    }

    @Test func `the commands place, show and cancel orders`() throws {
        let shop = try RunningShop.fresh()
        let url = ["--url", shop.url]
        let placed = try shopctl(["order", "place", "--line", "mug:2:750", "--wait"] + url)
        #expect(placed.code == 0 && placed.output.contains("completed"), "\(placed)")
        let json = try shopctl(
            ["order", "place", "--line", "mug:2:750", "--json", "--key", "k"] + url)
        let id = Answer.id(json.output)
        #expect(json.code == 0 && !id.isEmpty, "\(json)")
        let again = try shopctl(["order", "place", "--line", "mug:2:750", "--key", "k"] + url)
        #expect(again.output.contains(id) && again.output.contains("it was before"), "\(again)")
        let other = try shopctl(["order", "place", "--line", "mug:3:750", "--key", "k"] + url)
        #expect(other.code == 1 && other.error.contains("idempotency-key-reused"), "\(other)")
        let slow = try shopctl(
            ["order", "place", "--line", "mug:1:750", "--token", "tok_timeout", "--json"] + url)
        let cancelled = try shopctl(["order", "cancel", Answer.id(slow.output)] + url)
        #expect(cancelled.code == 0, "\(cancelled)")
        #expect(try shop.end(of: Answer.id(slow.output))["status"] == "cancelled")
        let unknown = try shopctl(["order", "get", "nobodys"] + url)
        #expect(unknown.code == 1 && unknown.error.contains("no such order"), "\(unknown)")
        try eventually("the goods of both orders are gone") {
            try shopctl(["stock", "get", "mug"] + url).output.contains("996 on hand")
        }
        let wrong = try shopctl(["order", "place", "--line", "mug:0:750"] + url)
        #expect(wrong.code == 1 && wrong.error.contains("/lines/0/quantity"), "\(wrong)")
    }
}
