import EventSourcing

/// What a test waits for, or asks a running shop again and again.
extension RunningShop {
    func cancel(_ id: String) throws -> Answer {
        try post("/v1/orders/\(id)/cancellation", "{\"reason\":\"changed my mind\"}")
    }

    func types(of id: String) throws -> [String] {
        let events = try get("/v1/orders/\(id)/timeline?limit=500").json["events"]?.array ?? []
        return events.compactMap { $0["type"]?.string }
    }

    /// The answer to a read with a write's token, asked again where that is not visible in time.
    func read(_ path: String, seeing write: Answer) throws -> Answer {
        try eventually("\(path) shows what was written") {
            let answer = try get(path, write.token)
            return answer["code"] == "not-yet-visible" ? nil : answer
        }
    }

    /// Each log's facts reach the timeline at their own pace.
    func eventuallyTells(_ id: String, _ wanted: String...) throws {
        var last: [String] = []
        do {
            try eventually("the timeline tells \(wanted)") {
                last = try types(of: id)
                return wanted.allSatisfy { last.contains($0) }
            }
        } catch { throw Failure("\(error): \(last)") }
    }

    /// What it told its operator, but for couriers and relays that a slow machine keeps waiting,
    /// for requests that it had no room for, and for what is no alarm.
    var alarms: [String] {
        notices.split(separator: "\n").map { String($0) }
            .filter { line in
                ![
                    " reading ", " relay: ", ": 503\"", " answered with 500 and above",
                    "\"level\":\"info\"",
                ].contains { line.contains($0) }
            }
    }

    func eventuallyFollows(_ id: String, payment: String, delivery: String) throws {
        var last = ""
        do {
            try eventually("payment and delivery have followed") {
                let order = try get("/v1/orders/\(id)")
                last = order.text
                return order.json["payment"]?["status"]?.string == payment
                    && order.json["delivery"]?["status"]?.string == delivery
            }
        } catch { throw Failure("\(error): wanted \(payment), \(delivery) of \(last)") }
    }

    /// Each log reaches the rows at its own pace: an order's end may show before its stock does.
    func eventuallyHolds(_ sku: String, onHand: Int, available: Int) throws {
        var last = ""
        do {
            try eventually("the stock is \(onHand), \(available) free") {
                let stock = try get("/v1/stock/\(sku)")
                last = stock.text
                return stock.json["onHand"]?.integer == Int64(onHand)
                    && stock.json["available"]?.integer == Int64(available)
            }
        } catch { throw Failure("\(error): \(last)") }
    }
}
