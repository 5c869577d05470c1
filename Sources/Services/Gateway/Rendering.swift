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

extension OrderDetail {
    func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("id", id.value)
            json.member("status", status.rawValue)
            if let reason { json.member("reason", reason) }
            if let customer { json.member("customer", customer) }
            if let reference { json.member("reference", reference) }
            json.member("total") { total.show(in: &$0) }
            json.member("lines") { json in
                json.array { json in for line in lines { line.show(in: &json) } }
            }
            json.member("payment") { json in
                json.object { json in
                    json.member("status", payment.rawValue)
                    if let paymentReason { json.member("reason", paymentReason) }
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
            json.member("data") { $0.raw(data) }
        }
    }
}
