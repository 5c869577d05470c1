import Domain
import EventSourcing
import HTTP
import Projections

extension Gateway {
    func showOrder(_ exchange: Exchange) throws(RequestError) {
        let id = try exchange.order()
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            let order = try gateway.readStore.order(id) { order in
                var json = JSONWriter(reserving: 1000)
                order.show(in: &json)
                return json.bytes
            }
            guard let order else { return exchange.fail(.noOrder) }
            exchange.respond(order, headers)
        }
    }

    func showTimeline(_ exchange: Exchange) throws(RequestError) {
        let id = try exchange.order()
        var query = Query(exchange.request, known: ["limit", "after"])
        let limit = query.limit(upTo: Self.maximumPage, otherwise: Self.defaultPage)
        let cursor = query.parsed("after", rule: "must be as a Link gave it") {
            TimelineCursor($0)
        }
        try query.check()
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            guard try gateway.readStore.order(id) != nil else { return exchange.fail(.noOrder) }
            // One more than asked for tells whether there is a next page.
            var entries = try gateway.readStore.timeline(id, limit: limit + 1, after: cursor)
            var headers = headers
            if entries.count > limit {
                entries.removeLast(entries.count - limit)
                if let last = entries.last {
                    let target = "/v1/orders/\(id)/timeline?limit=\(limit)"
                    headers.link(next: "\(target)&after=\(TimelineCursor(last))")
                }
            }
            var json = JSONWriter(reserving: 400 * entries.count)
            json.object { json in
                json.member("order", id.value)
                json.member("events") { json in
                    json.array { json in for entry in entries { entry.show(in: &json) } }
                }
            }
            exchange.respond(200, headers: headers, json: json)
        }
    }

    func showPayment(_ exchange: Exchange) throws(RequestError) {
        let id = try exchange.order()
        try Query(exchange.request, known: []).check()
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            guard let payment = try gateway.readStore.payment(id) else {
                return exchange.fail(.noPayment)
            }
            exchange.respond(OrderDetail.entityTag([payment.mark]), headers) { json in
                payment.show(id, in: &json)
            }
        }
    }

    func showDelivery(_ exchange: Exchange) throws(RequestError) {
        let id = try exchange.order()
        try Query(exchange.request, known: []).check()
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            guard let delivery = try gateway.readStore.delivery(id) else {
                return exchange.fail(.noOrder)
            }
            exchange.respond(OrderDetail.entityTag([delivery.mark]), headers) { json in
                delivery.show(id, in: &json)
            }
        }
    }

    func showNotifications(_ exchange: Exchange) throws(RequestError) {
        var query = Query(exchange.request, known: ["order"])
        let order = query.required("order", rule: "must be an order's id") { OrderID($0) }
        try query.check()
        guard let order else { throw RequestError(query.invalid) }
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            guard let list = try gateway.readStore.notifications(order) else {
                return exchange.fail(.noOrder)
            }
            exchange.respond(OrderDetail.entityTag([list.mark]), headers) { json in
                list.show(order, in: &json)
            }
        }
    }

    func showStock(_ exchange: Exchange) throws(RequestError) {
        let sku = try exchange.sku()
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            guard let level = try gateway.readStore.stock(sku) else {
                return exchange.fail(.noSKU)
            }
            exchange.respond(OrderDetail.entityTag([level.mark]), headers) { json in
                json.object { json in
                    json.member("sku", sku.value)
                    json.member("onHand", level.onHand)
                    json.member("reserved", level.reserved)
                    json.member("available", level.available)
                }
            }
        }
    }
}
