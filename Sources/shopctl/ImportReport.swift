import Domain
import EventSourcing
import Host
import Import

/// What an import has done, for a person and for a program.
struct ImportReport {
    let file: String
    /// What the goods were received under.
    let reference: String
    let plan: ImportPlan
    let tally: Importer.Tally
    /// From the first request to the last order's end.
    let seconds: Double
    /// From the first order to the answer to the last, and to its end.
    let placing: Double
    let ending: Double

    private var orders: Int { tally.placed + tally.thereAlready }
    private var amount: Money? { tally.pence.map { Money(minor: $0, currency: .gbp) } }

    /// What could not be sold, in a fixed order.
    private var skipped: [(reason: String, lines: Int)] {
        SkipReason.allCases.compactMap { reason in
            plan.skipped[reason].map { (reason.rawValue, $0) }
        }
    }

    private static func rate(_ count: Int, _ seconds: Double) -> Int {
        seconds > 0 ? Int((Double(count) / seconds).rounded()) : count
    }

    private static func decimal(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    var text: String {
        var rows = [
            ("invoices", "\(plan.invoiceCount), of which \(plan.orders) are orders"),
            ("goods", "\(plan.units.count) stock codes, received as \(reference)"),
            ("orders", "\(tally.placed) placed, \(tally.thereAlready) there already"),
            (
                "sold",
                "\(tally.lines) lines, \(tally.units) units, "
                    + (amount?.description ?? Amount.tooLarge)
            ),
        ]
        if plan.leftOut > 0 { rows[0].1 += ", and \(plan.leftOut) more are beyond the limit" }
        if tally.receivedBefore > 0 { rows[1].1 += ", \(tally.receivedBefore) there already" }
        if tally.refused > 0 { rows[2].1 += ", \(Terminal.red("\(tally.refused) refused"))" }
        for (reason, lines) in skipped { rows.append(("not sold", "\(lines) lines: \(reason)")) }
        for (status, count) in tally.statuses.sorted(by: { $0.key < $1.key }) {
            rows.append(("ended", "\(count) \(status)"))
        }
        rows.append(
            (
                "time",
                "\(Self.decimal(seconds)) s; \(Self.rate(orders, placing)) orders/s taken, "
                    + "\(Self.rate(orders, ending)) orders/s to their end"
            ))
        var lines = ["\(Terminal.green("imported")) \(file)"]
        lines += rows.map { name, what in
            "  \(Terminal.dim(name + String(repeating: " ", count: 10 - name.utf8.count)))\(what)"
        }
        for (reference, reason) in tally.refusals {
            lines.append("\(Terminal.red("refused")) invoice \(reference): \(reason)")
        }
        if tally.refused > tally.refusals.count {
            lines.append("and \(tally.refused - tally.refusals.count) more")
        }
        return lines.joined(separator: "\n")
    }

    var json: String {
        var json = JSONWriter(reserving: 1000)
        json.object { json in
            json.member("file", file)
            json.member("reference", reference)
            json.member("invoices", Int64(plan.invoiceCount))
            json.member("orders", Int64(plan.orders))
            json.member("beyondLimit", Int64(plan.leftOut))
            json.member("stockCodes", Int64(plan.units.count))
            json.member("placed", Int64(tally.placed))
            json.member("thereAlready", Int64(tally.thereAlready))
            json.member("refused", Int64(tally.refused))
            json.member("lines", Int64(tally.lines))
            json.member("units", Int64(tally.units))
            json.member("amount") { json in
                guard let amount else { return json.raw("null".utf8) }
                json.object { json in
                    json.member("minor", amount.minor)
                    json.member("currency", amount.currency.code)
                    json.member("text", amount.description)
                }
            }
            counts(&json)
            json.member("seconds") { $0.raw(Self.decimal(seconds).utf8) }
            json.member("ordersPerSecond", Int64(Self.rate(orders, ending)))
        }
        return json.text
    }

    private func counts(_ json: inout JSONWriter) {
        json.member("linesSkipped") { json in
            json.array { json in
                for (reason, lines) in skipped {
                    json.object { json in
                        json.member("reason", reason)
                        json.member("lines", Int64(lines))
                    }
                }
            }
        }
        json.member("statuses") { json in
            json.array { json in
                for (status, count) in tally.statuses.sorted(by: { $0.key < $1.key }) {
                    json.object { json in
                        json.member("status", status)
                        json.member("orders", Int64(count))
                    }
                }
            }
        }
        json.member("refusals") { json in
            json.array { json in
                for (reference, reason) in tally.refusals {
                    json.object { json in
                        json.member("reference", reference)
                        json.member("reason", reason)
                    }
                }
            }
        }
    }
}
