import HTTP

extension Gateway {
    /// How the shop does, as Prometheus reads it.
    func showMetrics(_ exchange: Exchange) {
        later(exchange, on: asideForMetrics) { gateway in
            var text = MetricsText()
            gateway.meter.write(to: &text)
            gateway.readings().write(to: &text)
            exchange.respond(
                HTTPResponse(
                    200,
                    headers: ["Content-Type": MetricsText.mediaType, "Cache-Control": "no-store"],
                    body: text.bytes))
        }
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
