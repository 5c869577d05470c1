import Domain
import EventSourcing
import Projections

extension Money {
    /// `{"minor":1234,"currency":"GBP","text":"12.34 GBP"}`
    func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("minor", minor)
            json.member("currency", currency.code)
            json.member("text", description)
        }
    }
}

extension JSONWriter {
    /// An event's data as everybody may see them. An order's contact is for the notifications
    /// service alone, sealed though it is.
    ///
    /// - Parameter data: one JSON value.
    mutating func data(_ data: [UInt8], of type: EventType) {
        guard type.name == "order.placed" else { return raw(data) }
        guard let json = try? JSON(parsing: data), case .object(let members) = json else {
            return raw("{}".utf8)
        }
        value(.object(members.filter { $0.name != "contact" }))
    }
}

extension OrderDetail {
    func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("id", id.value)
            json.member("status", status.rawValue)
            if let reason { json.member("reason", reason) }
            if let customer { json.member("customer", customer) }
            if let reference { json.member("reference", reference) }
            if let shipping { json.member("shipping", shipping) }
            json.member("total") { total.show(in: &$0) }
            json.member("lines") { json in
                json.array { json in for line in lines { line.show(in: &json) } }
            }
            json.member("payment") { json in
                json.object { json in
                    json.member("status", payment.rawValue)
                    if let paymentReason { json.member("reason", paymentReason) }
                    if isWrittenOff { json.member("writtenOff", true) }
                }
            }
            json.member("delivery") { json in
                json.object { json in
                    json.member("status", delivery.rawValue)
                    json.member("reservation", reservation.rawValue)
                    if let deliveryReason { json.member("reason", deliveryReason) }
                    if let tracking { json.member("tracking", tracking) }
                }
            }
            json.member("mailsSent", mailsSent)
            json.member("version", version.value)
            json.member("placedAt", placedAt.description)
            json.member("updatedAt", updatedAt.description)
        }
    }
}

extension OrderDetail.Line {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("sku", sku)
            json.member("quantity", quantity)
            json.member("unitPrice") { unitPrice.show(in: &$0) }
            if let description { json.member("description", description) }
        }
    }
}

extension TimelineEntry {
    func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("id", identity.description)
            json.member("type", type.name)
            json.member("schema", Int64(type.schema))
            json.member("recordedAt", recordedAt.description)
            if let occurredAt { json.member("occurredAt", occurredAt.description) }
            json.member("actor", actor)
            json.member("correlationId", correlation)
            if let causation { json.member("causationId", causation) }
            // The projection let nothing through that is not JSON.
            json.member("data") { $0.data(data, of: type) }
        }
    }
}

extension OrderSummary {
    func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("status", status.rawValue)
            if let reason { json.member("reason", reason) }
            if let customer { json.member("customer", customer) }
            if let reference { json.member("reference", reference) }
            json.member("total") { total.show(in: &$0) }
            json.member("lines", lineCount)
            json.member("units", units)
            json.member("placedAt", placedAt.description)
            json.member("updatedAt", updatedAt.description)
        }
    }
}

extension PaymentDetail {
    func show(_ order: OrderID, in json: inout JSONWriter) {
        json.object { json in
            json.member("order", order.value)
            json.member("status", status.rawValue)
            if let reason { json.member("reason", reason) }
            if let amount { json.member("amount") { amount.show(in: &$0) } }
            if let authorizationCode { json.member("authorizationCode", authorizationCode) }
            if let captured { json.member("captured") { captured.show(in: &$0) } }
            if let captureID { json.member("captureId", captureID) }
            if isWrittenOff { json.member("writtenOff", true) }
            json.member("history") { history.showBriefly(in: &$0) }
        }
    }
}

extension DeliveryDetail {
    func show(_ order: OrderID, in json: inout JSONWriter) {
        json.object { json in
            json.member("order", order.value)
            json.member("status", status.rawValue)
            json.member("reservation", reservation.rawValue)
            if let reason { json.member("reason", reason) }
            if let shipping { json.member("shipping", shipping) }
            if let tracking { json.member("tracking", tracking) }
            json.member("lines") { json in
                json.array { json in
                    for line in lines {
                        json.object { json in
                            json.member("sku", line.sku)
                            json.member("quantity", line.quantity)
                        }
                    }
                }
            }
            json.member("history") { history.showBriefly(in: &$0) }
        }
    }
}

extension NotificationList {
    func show(_ order: OrderID, in json: inout JSONWriter) {
        json.object { json in
            json.member("order", order.value)
            json.member("notifications") { json in
                json.array { json in
                    for item in items {
                        json.object { json in
                            json.member("kind", item.kind)
                            json.member("status", item.status.rawValue)
                            json.member("at", item.at.description)
                            if let reason = item.reason { json.member("reason", reason) }
                        }
                    }
                }
            }
        }
    }
}

extension [TimelineEntry] {
    /// Writes what a history names of each event; the timeline has all of it.
    fileprivate func showBriefly(in json: inout JSONWriter) {
        json.array { json in
            for entry in self {
                json.object { json in
                    json.member("id", entry.identity.description)
                    json.member("type", entry.type.name)
                    json.member("recordedAt", entry.recordedAt.description)
                }
            }
        }
    }
}
