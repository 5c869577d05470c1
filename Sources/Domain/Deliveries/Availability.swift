public import EventSourcing

/// What can still be sold: a fold over all stock, reservations and deliveries of the service.
///
/// Per SKU, available = on hand - reserved. Kept in memory and snapshotted; a reservation is
/// decided against it.
public struct Availability: Hashable, Sendable {
    /// Changes whenever the same events fold to another state: snapshots of other versions are
    /// discarded.
    public static let version = 1

    private var onHand: [SKU: Int] = [:]
    private var reserved: [SKU: Int] = [:]
    /// Reservations that were neither released nor handed over.
    private var open: [OrderID: [StockLine]] = [:]

    public init() {}

    /// The pieces in the warehouse, reserved or not.
    public func onHand(_ sku: SKU) -> Int { onHand[sku] ?? 0 }
    public func reserved(_ sku: SKU) -> Int { reserved[sku] ?? 0 }
    public func available(_ sku: SKU) -> Int { onHand(sku).subtractingToZero(reserved(sku)) }
    /// The order's open reservation; nil where there is none.
    public func reservation(of order: OrderID) -> [StockLine]? { open[order] }

    /// What is missing to reserve all `lines` at once, the lines of one SKU taken together;
    /// sorted by SKU.
    public func shortages(for lines: [StockLine]) -> [Shortage] {
        StockLine.summing(lines).compactMap { line in
            let available = available(line.sku)
            guard line.quantity > available else { return nil }
            return Shortage(sku: line.sku, wanted: line.quantity, available: available)
        }
    }

    public mutating func apply(_ event: Stock.Event) {
        switch event {
        case .received(let sku, let quantity, _):
            // Below Int.max, so that a sum that stayed at Int.max is always short.
            onHand[sku] = min(onHand(sku).addingSaturating(quantity), Stock.maximum)
        }
    }

    public mutating func apply(_ event: Reservation.Event, order: OrderID) {
        switch event {
        case .made(_, let lines): hold(lines, for: order)
        case .released, .expired: free(order)
        case .refused, .answered: break
        }
    }

    public mutating func apply(_ event: Delivery.Event, order: OrderID) {
        guard case .handedOver = event else { return }
        for line in free(order) {
            onHand[line.sku] = onHand(line.sku).subtractingToZero(line.quantity)
        }
    }

    private mutating func hold(_ lines: [StockLine], for order: OrderID) {
        free(order)
        open[order] = lines
        for line in lines {
            reserved[line.sku] = reserved(line.sku).addingSaturating(line.quantity)
        }
    }

    @discardableResult
    private mutating func free(_ order: OrderID) -> [StockLine] {
        let lines = open.removeValue(forKey: order) ?? []
        for line in lines {
            let rest = reserved(line.sku).subtractingToZero(line.quantity)
            reserved[line.sku] = rest == 0 ? nil : rest
        }
        return lines
    }
}

extension Availability {
    /// Appends the snapshot, sorted:
    /// `{"stock":[{"sku":..,"onHand":..}],"open":[{"order":..,"lines":[..]}]}`.
    public func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("stock") { json in
                json.array { json in
                    for sku in onHand.keys.sorted() {
                        json.object { json in
                            json.member("sku", sku.value)
                            json.member("onHand", Int64(onHand(sku)))
                        }
                    }
                }
            }
            json.member("open") { json in
                json.array { json in
                    for order in open.keys.sorted() {
                        json.object { json in
                            json.member("order", order.value)
                            json.member("lines", open[order] ?? [])
                        }
                    }
                }
            }
        }
    }

    /// Reads a snapshot of this version.
    public init(_ json: JSON) throws(JSONError) {
        let object = try JSONObject(json)
        for stock in try object.objects("stock") {
            let sku = try stock.identifier("sku", SKU.self)
            onHand[sku] = min(try stock.count("onHand"), Stock.maximum)
        }
        for reservation in try object.objects("open") {
            let order = try reservation.identifier("order", OrderID.self)
            hold(try reservation.stockLines("lines"), for: order)
        }
    }
}
