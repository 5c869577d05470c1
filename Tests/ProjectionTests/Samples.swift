import Domain
import EventSourcing
import Projections

/// An order as a test knows it, to reckon by.
struct Sample {
    struct Line {
        let sku: String
        let quantity: Int64
        let unitPrice: Int64
    }

    let id: String
    let customer: String?
    let status: ShownStatus
    let placedAt: Timestamp
    let currency: String
    let lines: [Line]

    var total: Int64 { lines.reduce(0) { $0 + $1.quantity * $1.unitPrice } }
    var units: Int64 { lines.reduce(0) { $0 + $1.quantity } }
    var day: String { String(placedAt.description.prefix(10)) }
    var month: String { String(placedAt.description.prefix(7)) }

    /// Orders of all kinds; many of them share the moment they were placed.
    static func many(_ count: Int, seed: UInt64 = 1, prefix: String = "s") -> [Sample] {
        var random = SeededGenerator(state: seed)
        let start = Timestamp("2010-11-28T12:00:00Z") ?? .epoch
        return (0..<count).map { number in
            let hours = Int64.random(in: 0..<12, using: &random) * 10
            return Sample(
                id: "\(prefix)-\(random.next() % 1000)-\(number)",
                customer: [nil, "c-1", "c-2"].randomElement(using: &random) ?? nil,
                status: ShownStatus.allCases.randomElement(using: &random) ?? .placed,
                placedAt: start + .seconds(hours * 3600),
                currency: ["GBP", "JPY"].randomElement(using: &random) ?? "GBP",
                lines: (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    Line(
                        sku: ["A-1", "B-2", "C-3", "D-4"].randomElement(using: &random) ?? "",
                        quantity: Int64.random(in: 1...9, using: &random),
                        unitPrice: Int64.random(in: 0...999, using: &random))
                })
        }
    }

    static func newestFirst(_ samples: [Sample]) -> [String] {
        samples.sorted { ($0.placedAt, $0.id) > ($1.placedAt, $1.id) }.map(\.id)
    }

    func isIn(_ filter: OrderFilter) -> Bool {
        (filter.customer.map { $0.value == customer } ?? true)
            && (filter.status.map { $0 == status } ?? true) && isIn(filter.period)
    }

    func isIn(_ period: Period) -> Bool {
        (period.from.map { $0 <= placedAt } ?? true) && (period.to.map { placedAt < $0 } ?? true)
    }

    fileprivate var data: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            if let customer { json.member("customer", customer) }
            json.member("currency", currency)
            json.member("lines") { json in
                json.array { json in
                    for line in lines {
                        json.object { json in
                            json.member("sku", line.sku)
                            json.member("quantity", line.quantity)
                            json.member("unitPrice", line.unitPrice)
                        }
                    }
                }
            }
        }
        return json.bytes
    }
}

extension Shop {
    /// Records what leads each order to its status.
    mutating func add(_ samples: [Sample]) {
        for sample in samples { add(sample) }
    }

    private mutating func add(_ sample: Sample) {
        let order = StreamID("order", sample.id)
        let delivery = StreamID("delivery", sample.id)
        func event(_ name: String) -> EventType { EventType("order.\(name)") }
        let reason = Array(#"{"reason":"so it goes"}"#.utf8)
        let tracking = Array(#"{"tracking":"T"}"#.utf8)
        let none = Array("{}".utf8)
        orders.append(order, event("placed"), sample.data, occurredAt: sample.placedAt)
        switch sample.status {
        case .placed: break
        case .confirmed: orders.append(order, event("confirmed"), none)
        case .packed: deliveries.append(delivery, EventType("delivery.packed"), none)
        case .shipped:
            deliveries.append(delivery, EventType("delivery.handed-over"), tracking)
            deliveries.append(delivery, EventType("delivery.out-for-delivery"), tracking)
        case .completed:
            orders.append(order, event("confirmed"), none)
            deliveries.append(delivery, EventType("delivery.delivered"), tracking)
            orders.append(order, event("completed"), none)
        case .cancelling: orders.append(order, event("cancellation-requested"), reason)
        case .cancelled: orders.append(order, event("cancelled"), reason)
        case .rejected: orders.append(order, event("rejected"), reason)
        case .expired: orders.append(order, event("expired"), reason)
        }
    }

    /// Feeds what the engine has not read yet, singly and in a mixture.
    func catchUp(_ engine: ProjectionEngine, seed: UInt64 = 3) throws {
        try shuffle(self, into: engine, seed: seed)
    }
}
