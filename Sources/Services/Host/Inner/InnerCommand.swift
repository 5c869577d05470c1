package import Domain
package import EventSourcing
import EventStore
package import Gateway
package import Messaging

/// A command on its way from a gateway's process to a service's, with what accompanies it.
package struct InnerCommand: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case place(OrderID, Order.Draft)
        case cancel(OrderID, reason: String)
        case receive(SKU, quantity: Int, reference: String?)
        case steer(OrderID, Steering, Instruction)
        case correct(OrderID, OrderCorrection)
        case parked(ParkedAct, on: ShopPart)
    }

    package let kind: Kind
    package let context: RequestContext

    package init(_ kind: Kind, _ context: RequestContext) {
        (self.kind, self.context) = (kind, context)
    }

    /// The part that carries it out.
    package var part: ShopPart {
        switch kind {
        case .place, .cancel, .steer, .correct: .orders
        case .receive: .deliveries
        case .parked(_, let part): part
        }
    }

    /// What decides which home carries it out, where a service has several.
    package var partitionKey: String {
        switch kind {
        case .place(let order, _), .cancel(let order, _), .steer(let order, _, _),
            .correct(let order, _):
            order.value
        case .receive(let sku, _, _): sku.value
        case .parked(let act, _): act.key
        }
    }

    /// Whether it may be sent again when no answer came: the service remembers its key.
    package var isIdempotent: Bool { context.key != nil }

    private static let placed = EventType("order.placed")

    /// One JSON object.
    package var bytes: [UInt8] {
        var json = JSONWriter(reserving: 600)
        json.object { json in
            switch kind {
            case .place(let order, let draft):
                json.member("place", order.value)
                json.member("draft") { Order.Event.placed(draft).encode(to: &$0) }
            case .cancel(let order, let reason):
                json.member("cancel", order.value)
                json.member("reason", reason)
            case .receive(let sku, let quantity, let reference):
                json.member("receive", sku.value)
                json.member("quantity", Int64(quantity))
                if let reference { json.member("reference", reference) }
            case .steer(let order, let steering, let instruction):
                json.member("steer", order.value)
                json.member("act", steering.name)
                if case .skip(let step) = steering { json.member("step", step) }
                instruction.encodeMembers(to: &json)
            case .correct(let order, let correction):
                json.member("correct", order.value)
                if let customer = correction.customer { json.member("customer", customer.value) }
                if let contact = correction.contact { json.member("contact", contact) }
                correction.instruction.encodeMembers(to: &json)
            case .parked(let act, let part):
                json.member("parked", part.rawValue)
                act.encodeMembers(to: &json)
            }
            json.member("metadata") { context.metadata.encode(to: &$0) }
            if let key = context.key {
                json.member("key") { json in
                    json.object { json in
                        json.member("principal", key.principal)
                        json.member("key", key.key)
                        json.member("digest", Digest(key.digest)?.hex ?? "")
                    }
                }
            }
        }
        return json.bytes
    }

    /// Reads what `bytes` wrote; members it does not know are passed over.
    package init(_ bytes: [UInt8]) throws(JSONError) {
        let json = try JSONObject(try JSON(parsing: bytes))
        kind = try Self.kind(json)
        let metadata = try Self.metadata(json)
        try Self.check(metadata, json)
        guard json["key"] != nil else {
            context = RequestContext(metadata: metadata, key: nil)
            return
        }
        let key = try json.object("key")
        guard let digest = Digest(hex: try key.string("digest")) else {
            throw key.error("digest", "must be 64 hexadecimal digits")
        }
        context = RequestContext(
            metadata: metadata,
            key: .init(
                principal: try key.string("principal"), key: try key.string("key"),
                digest: digest.bytes))
    }

    private static func metadata(_ json: JSONObject) throws(JSONError) -> Metadata {
        guard let value = json["metadata"] else { throw json.error("metadata", "is missing") }
        do throws(JSONError) { return try Metadata(value) } catch {
            // It knows nothing of where it stands.
            throw JSONError(pointer: json.path("metadata") + error.pointer, reason: error.reason)
        }
    }

    /// What is recorded goes into headers of messages, which have limits: nothing gets into a log
    /// that could not be published.
    private static func check(_ metadata: Metadata, _ json: JSONObject) throws(JSONError) {
        for (name, text) in [
            ("correlation", metadata.correlation), ("actor", metadata.actor),
            ("trace", metadata.trace ?? "-"),
        ] {
            let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            guard isPlain, (1...mostBytes).contains(text.utf8.count) else {
                throw json.error(
                    "metadata",
                    "has a \(name) that is not 1 to \(mostBytes) bytes without control characters")
            }
        }
        guard let occurredAt = metadata.occurredAt else { return }
        guard Timestamp(occurredAt.description) == occurredAt else {
            throw json.error("metadata", "has a time outside of the years 0 to 9999")
        }
    }

    private static let mostBytes = 256

    private static func kind(_ json: JSONObject) throws(JSONError) -> Kind {
        if json["place"] != nil {
            let order = try json.order("place")
            do throws(UnreadableEvent) {
                let event = try Order.Event.decode(placed, json["draft"] ?? .null)
                guard case .placed(let draft) = event else {
                    throw UnreadableEvent.unknownType(placed)
                }
                return .place(order, draft)
            } catch { throw json.error("draft", "cannot be read: \(error)") }
        }
        if json["cancel"] != nil {
            return .cancel(try json.order("cancel"), reason: try json.string("reason"))
        }
        if let kind = try operatorKind(json) { return kind }
        guard let sku = SKU(try json.string("receive")) else {
            throw json.error("receive", "is no SKU")
        }
        guard let quantity = Int(exactly: try json.integer("quantity")) else {
            throw json.error("quantity", "is too large")
        }
        return .receive(sku, quantity: quantity, reference: try json.optionalString("reference"))
    }
}

extension JSONObject {
    func order(_ name: String) throws(JSONError) -> OrderID {
        guard let order = OrderID(try string(name)) else { throw error(name, "is no order") }
        return order
    }
}
