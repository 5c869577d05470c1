import Domain
import EventSourcing
import HTTP
import Projections

extension Gateway {
    /// The most rows of a report's page.
    private static let maximumRows: Int64 = 10_000

    private enum OrderGroup: String, CaseIterable { case status }

    func showRevenue(_ exchange: Exchange) throws(RequestError) {
        let path = "/v1/reports/revenue"
        var query = Query(exchange.request, known: ["by", "from", "to", "limit", "cursor"])
        let group: RevenueReport.Group? = query.choice("by", isRequired: true)
        let period = query.period()
        let limit = query.limit(upTo: Self.maximumRows, otherwise: Self.maximumRows)
        let sealed = [path, group?.rawValue ?? ""] + period.sealed
        let cursor = query.cursor(cursors, for: sealed) { RevenueReport.Key($0) }
        try query.check()
        guard let group else { throw RequestError(query.invalid) }
        try report(exchange) { [query] gateway, headers throws(ReportError) in
            let report = try gateway.readStore.revenue(
                by: group, in: period, limit: limit + 1, after: cursor)
            let rows = report.rows.prefix(limit)
            var headers = headers
            var next: String?
            if report.rows.count > limit {
                next = rows.last.map { gateway.cursors.seal($0.key.fields, for: sealed) }
            }
            if let next { headers.link(next: query.next(path, "cursor", next)) }
            var json = JSONWriter(reserving: 200 * rows.count)
            json.object { json in
                json.member("by", group.rawValue)
                if let from = period.from { json.member("from", from.description) }
                if let to = period.to { json.member("to", to.description) }
                json.member("rows") { json in
                    json.array { json in for row in rows { row.show(group, in: &json) } }
                }
                json.member("totals") { json in
                    json.array { json in
                        for sums in report.totals {
                            json.object { json in sums.show(in: &json) }
                        }
                    }
                }
                if let next { json.member("next", next) }
            }
            exchange.respond(200, headers: headers, json: json)
        }
    }

    func showOrdersByStatus(_ exchange: Exchange) throws(RequestError) {
        var query = Query(exchange.request, known: ["by"])
        let group: OrderGroup? = query.choice("by", isRequired: true)
        try query.check()
        guard let group else { throw RequestError(query.invalid) }
        try report(exchange) { gateway, headers throws(ReportError) in
            let report = try gateway.readStore.ordersByStatus()
            var json = JSONWriter(reserving: 2000)
            json.object { json in
                json.member("by", group.rawValue)
                json.member("rows") { json in
                    json.array { json in for row in report.rows { row.show(in: &json) } }
                }
            }
            exchange.respond(200, headers: headers, json: json)
        }
    }

    private typealias Report =
        @Sendable (Gateway, HTTPHeaders) throws(ReportError) -> Void

    /// Answers with a report, or says that its sums are too large. It reads all orders of a period,
    /// on another thread than the server's own.
    private func report(_ exchange: Exchange, _ body: @escaping Report) throws(RequestError) {
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            gateway.later(exchange) { gateway in
                do throws(ReportError) {
                    try body(gateway, headers)
                } catch {
                    switch error {
                    case .unreadable(let error): exchange.fail(.unreadable(error))
                    case .overflow:
                        exchange.fail(
                            Problem(422, "report-overflow", "There is no report: \(error)."))
                    }
                }
            }
        }
    }
}

extension RevenueReport.Row {
    fileprivate func show(_ group: RevenueReport.Group, in json: inout JSONWriter) {
        json.object { json in
            switch group {
            case .day: json.member("day", key.group)
            case .month: json.member("month", key.group)
            case .sku: json.member("sku", key.group)
            }
            sums.show(in: &json)
        }
    }
}

extension Sums {
    /// Writes its members.
    fileprivate func show(in json: inout JSONWriter) {
        json.member("currency", revenue.currency.code)
        json.member("orders", orders)
        json.member("lines", lines)
        json.member("units", units)
        json.member("revenue") { revenue.show(in: &$0) }
    }
}

extension StatusReport.Row {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("status", status.rawValue)
            json.member("currency", total.currency.code)
            json.member("orders", orders)
            json.member("total") { total.show(in: &$0) }
        }
    }
}
