import HTTP
import Projections
import Synchronization

extension Gateway {
    /// How the shop does, as Prometheus reads it.
    func showMetrics(_ exchange: Exchange) {
        later(exchange, on: asideForMetrics) { gateway in
            var text = MetricsText()
            gateway.meter.write(to: &text)
            let readings = gateway.readings()
            readings.write(to: &text)
            text.family(
                "kassa_gateway_placing_bytes", .gauge, "Bytes of orders that are being placed.")
            text.sample([:], Int64(gateway.placing.load(ordering: .relaxed)))
            gateway.writeBooks(readings.hops, to: &text)
            exchange.respond(
                HTTPResponse(
                    200,
                    headers: ["Content-Type": MetricsText.mediaType, "Cache-Control": "no-store"],
                    body: text.bytes))
        }
    }

    /// Whether the books balance. Those of money and goods are left out where they cannot be read.
    private func writeBooks(_ hops: ShopReadings.Hops, to text: inout MetricsText) {
        let books = try? books()
        text.family(
            "kassa_books_balanced", .gauge,
            "1 where nothing is wrong with what is recorded, published and applied (hops), with "
                + "money or with stock; 0 where GET /v1/accounts names what is.")
        text.sample(["book": BookAlarm.Book.hops.rawValue], hops.alarms.isEmpty)
        guard let books else { return }
        for book in [BookAlarm.Book.money, .stock] {
            let isRight = !books.alarms.contains { $0.book == book }
            text.sample(["book": book.rawValue], isRight)
        }
        text.family(
            "kassa_orders_out_of_balance", .gauge,
            "Orders whose total, authorization and capture do not go together, of what all logs "
                + "were read through.")
        text.sample([:], Int64(books.accounts.ordersOutOfBalance))
    }

    /// Reads what takes long on another thread than the server's own, and answers from there.
    ///
    /// - Parameter other: nil for the one that most is read on.
    func later(
        _ exchange: Exchange, on other: Aside? = nil,
        _ read: @escaping @Sendable (Gateway) -> Void
    ) {
        guard !(other ?? aside)({ read(self) }) else { return }
        exchange.fail(
            .unavailable("busy", "As many reads of files wait as are taken; ask again soon."))
    }
}
