import Domain
import EventSourcing
import HTTP
import Projections

extension Gateway {
    /// The most entries of a page, and how many it has where nothing else is asked for.
    static let maximumPage: Int64 = 500
    static let defaultPage: Int64 = 100
    private static let parameters = ["status", "from", "to", "limit", "cursor"]

    func listOrders(_ exchange: Exchange) throws(RequestError) {
        var query = Query(exchange.request, known: ["customer"] + Self.parameters)
        let customer = query.parsed(
            "customer", rule: "must be 1 to 64 printable ASCII characters without spaces"
        ) { CustomerID($0) }
        try list(exchange, &query, "/v1/orders", of: customer) { _ in }
    }

    func listOrdersOfCustomer(_ exchange: Exchange) throws(RequestError) {
        guard let customer = exchange.request.parameters["id"].flatMap({ CustomerID($0) }) else {
            throw RequestError(.noCustomer)
        }
        var query = Query(exchange.request, known: Self.parameters)
        let path = "/v1/customers/\(percentEncoded(customer.value))/orders"
        try list(exchange, &query, path, of: customer) { $0.member("customer", customer.value) }
    }

    /// - Parameter head: writes the members in front of the list.
    private func list(
        _ exchange: Exchange, _ query: inout Query, _ path: String, of customer: CustomerID?,
        head: @escaping @Sendable (inout JSONWriter) -> Void
    ) throws(RequestError) {
        var filter = OrderFilter()
        filter.customer = customer
        filter.status = query.choice("status")
        filter.period = query.period()
        let limit = query.limit(upTo: Self.maximumPage, otherwise: Self.defaultPage)
        let sealed = filter.sealed(for: path)
        let cursor = query.cursor(cursors, for: sealed) { OrderCursor($0) }
        try query.check()
        let read: Read = { [query, filter] gateway, headers throws(ReadError) in
            // One more than asked for tells whether there is a next page.
            var orders = try gateway.readStore.orders(filter, limit: limit + 1, after: cursor)
            var headers = headers
            var next: String?
            if orders.count > limit {
                orders.removeLast(orders.count - limit)
                next = orders.last.map { gateway.cursors.seal(OrderCursor($0).fields, for: sealed) }
            }
            if let next { headers.link(next: query.next(path, "cursor", next)) }
            var json = JSONWriter(reserving: 400 * orders.count)
            json.object { json in
                head(&json)
                json.member("orders") { json in
                    json.array { json in for order in orders { order.show(in: &json) } }
                }
                if let next { json.member("next", next) }
            }
            exchange.respond(200, headers: headers, json: json)
        }
        // No index has both: all orders of the customer may be looked at for a page.
        let isLong = filter.customer != nil && filter.status != nil
        guard isLong else { return try whenFresh(exchange, read) }
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            gateway.later(exchange) { gateway in
                do throws(ReadError) {
                    try read(gateway, headers)
                } catch { exchange.fail(.unreadable(error)) }
            }
        }
    }
}

extension Period {
    /// What a cursor is sealed for.
    var sealed: [String] {
        [from, to].map { $0.map { "\($0.microseconds)" } ?? "" }
    }
}

extension OrderFilter {
    fileprivate func sealed(for path: String) -> [String] {
        [path, customer?.value ?? "", status?.rawValue ?? ""] + period.sealed
    }
}
