import Domain
import EventSourcing
import Projections
import Testing

@Suite struct ReportTests {
    private struct Expected: Equatable {
        var orders: Int64 = 0
        var lines: Int64 = 0
        var units: Int64 = 0
        var minor: Int64 = 0

        mutating func add(_ lines: [Sample.Line]) {
            orders += 1
            self.lines += Int64(lines.count)
            for line in lines {
                units += line.quantity
                minor += line.quantity * line.unitPrice
            }
        }

        init() {}
        init(_ sums: Sums) {
            (orders, lines, units, minor) = (
                sums.orders, sums.lines, sums.units, sums.revenue.minor
            )
        }
    }

    private func store(_ samples: [Sample], _ scratch: Scratch) throws -> ReadStore {
        var shop = try Shop(orders: 0)
        shop.add(samples)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 9)
        return engine.store
    }

    /// What the report must say, by `group/currency`.
    private func reckon(
        _ samples: [Sample], by group: RevenueReport.Group, _ period: Period
    ) -> (rows: [String: Expected], totals: [String: Expected]) {
        var rows: [String: Expected] = [:]
        var totals: [String: Expected] = [:]
        for sample in samples where sample.status == .completed && sample.isIn(period) {
            totals[sample.currency, default: Expected()].add(sample.lines)
            switch group {
            case .day: rows["\(sample.day)/\(sample.currency)", default: .init()].add(sample.lines)
            case .month:
                rows["\(sample.month)/\(sample.currency)", default: .init()].add(sample.lines)
            case .sku:
                for (sku, lines) in Dictionary(grouping: sample.lines, by: \.sku) {
                    rows["\(sku)/\(sample.currency)", default: .init()].add(lines)
                }
            }
        }
        return (rows, totals)
    }

    @Test(arguments: RevenueReport.Group.allCases)
    func `revenue is what completed orders add up to`(group: RevenueReport.Group) throws {
        let scratch = try Scratch()
        let samples = Sample.many(300)
        let store = try store(samples, scratch)
        let times = Set(samples.map(\.placedAt)).sorted()
        for period in [
            Period(), Period(from: times[4]), Period(to: times[9]),
            Period(from: times[4], to: times[9]), Period(from: times[4], to: times[4]),
        ] {
            let report = try store.revenue(by: group, in: period, limit: 1000)
            let expected = reckon(samples, by: group, period)
            let rows = report.rows.map {
                ("\($0.key.group)/\($0.key.currency)", Expected($0.sums))
            }
            #expect(rows.map(\.0) == expected.rows.keys.sorted())
            #expect(Dictionary(rows) { a, _ in a } == expected.rows)
            #expect(report.rows.allSatisfy { $0.sums.revenue.currency == $0.key.currency })
            #expect(report.totals.map(\.revenue.currency.code) == expected.totals.keys.sorted())
            for sums in report.totals {
                #expect(Expected(sums) == expected.totals[sums.revenue.currency.code])
            }
        }
    }

    @Test(arguments: RevenueReport.Group.allCases)
    func `a report's pages are the whole one, each with the totals of all`(
        group: RevenueReport.Group
    ) throws {
        let scratch = try Scratch()
        let store = try store(Sample.many(300), scratch)
        let whole = try store.revenue(by: group, in: Period(), limit: 1000)
        var rows: [RevenueReport.Row] = []
        var pages = 0
        while pages < 100 {
            let page = try store.revenue(by: group, in: Period(), limit: 1, after: rows.last?.key)
            #expect(page.totals == whole.totals)
            if page.rows.isEmpty { break }
            rows += page.rows
            pages += 1
        }
        #expect(rows == whole.rows && pages > 3)
    }

    @Test func `a day is one of UTC, also before 1970`() throws {
        let scratch = try Scratch()
        let line = Sample.Line(sku: "A", quantity: 1, unitPrice: 1)
        let times = ["1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2012-02-29T23:30:00Z"]
        let samples = try times.enumerated().map { index, time in
            Sample(
                id: "o-\(index)", customer: nil, status: .completed,
                placedAt: try #require(Timestamp(time)), currency: "GBP", lines: [line])
        }
        let store = try store(samples, scratch)
        let days = try store.revenue(by: .day, in: Period(), limit: 9).rows.map(\.key.group)
        #expect(days == ["1969-12-31", "1970-01-01", "2012-02-29"])
        let months = try store.revenue(by: .month, in: Period(), limit: 9).rows.map(\.key.group)
        #expect(months == ["1969-12", "1970-01", "2012-02"])
    }

    @Test func `a sum beyond 64 bits is no report, and less time is one`() throws {
        let scratch = try Scratch()
        let start = Timestamp(microseconds: 1_500_000_000_000_000)
        let line = Sample.Line(sku: "A", quantity: 1, unitPrice: .max)
        let samples = (0..<2).map { number in
            Sample(
                id: "o-\(number)", customer: nil, status: .completed,
                placedAt: start + .seconds(number), currency: "GBP", lines: [line])
        }
        let store = try store(samples, scratch)
        for group in RevenueReport.Group.allCases {
            #expect(throws: ReportError.overflow(.gbp)) {
                try store.revenue(by: group, in: Period(), limit: 9)
            }
            let half = Period(to: start + .seconds(1))
            let report = try store.revenue(by: group, in: half, limit: 9)
            #expect(report.totals.map(\.revenue.minor) == [.max])
        }
        #expect(throws: ReportError.overflow(.gbp)) { try store.ordersByStatus() }
    }

    @Test func `orders by status are counted by currency`() throws {
        let scratch = try Scratch()
        let samples = Sample.many(200)
        let report = try store(samples, scratch).ordersByStatus()
        var counted = 0
        for row in report.rows {
            let fitting = samples.filter {
                $0.status == row.status && $0.currency == row.total.currency.code
            }
            #expect(row.orders == Int64(fitting.count) && row.orders > 0)
            #expect(row.total.minor == fitting.reduce(0) { $0 + $1.total })
            counted += fitting.count
        }
        #expect(counted == samples.count)
        let order = report.rows.map { ($0.status, $0.total.currency.code) }
        let statuses = ShownStatus.allCases.flatMap { [$0, $0] }
        #expect(order.map(\.0) == statuses)
        #expect(order.map(\.1) == statuses.indices.map { $0 % 2 == 0 ? "GBP" : "JPY" })
    }
}
