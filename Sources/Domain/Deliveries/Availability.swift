public import EventSourcing

/// What can still be sold: a fold over all stock, reservations and deliveries of the service.
///
/// Per SKU, available = on hand - reserved. Kept in memory and snapshotted; a reservation is
/// decided against it.
public struct Availability: Hashable, Sendable {
    /// Changes whenever the same events fold to another state: snapshots of other versions are
    /// discarded.
    public static let version = 2

    private var onHand: [SKU: Int] = [:]
    private var reserved: [SKU: Int] = [:]
    private struct Held: Hashable {
        let lines: [StockLine]
        /// In a parcel: it cannot be sold, whatever becomes of the reservation.
        var isPacked = false
        /// The reservation is over, and the parcel is still there.
        var isGivenUp = false
    }

    /// What is reserved or packed, and neither released nor handed over.
    private var open: [OrderID: Held] = [:]

    public init() {}

    /// The pieces in the warehouse, reserved or not.
    public func onHand(_ sku: SKU) -> Int { onHand[sku] ?? 0 }
    public func reserved(_ sku: SKU) -> Int { reserved[sku] ?? 0 }
    public func available(_ sku: SKU) -> Int { onHand(sku).subtractingToZero(reserved(sku)) }
    /// The order's open reservation; nil where there is none.
    public func reservation(of order: OrderID) -> [StockLine]? { open[order]?.lines }

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
        case .released, .expired: giveUp(order)
        case .refused, .answered: break
        }
    }

    public mutating func apply(_ event: Delivery.Event, order: OrderID) {
        switch event {
        case .packed: open[order]?.isPacked = true
        case .unpacked, .recalled:
            open[order]?.isPacked = false
            if open[order]?.isGivenUp == true { free(order) }
        case .handedOver:
            for line in free(order) {
                onHand[line.sku] = onHand(line.sku).subtractingToZero(line.quantity)
            }
        case .handOverRequested, .handOverRepeated, .handOverRefused, .recallRequested,
            .outForDelivery, .delivered, .lost, .answered:
            break
        }
    }

    /// The reservation is over. What is in a parcel is not for sale before it is taken out: a log
    /// that was put back may release what it does not know to be packed.
    private mutating func giveUp(_ order: OrderID) {
        if open[order]?.isPacked == true { open[order]?.isGivenUp = true } else { free(order) }
    }

    private mutating func hold(_ lines: [StockLine], for order: OrderID) {
        free(order)
        open[order] = Held(lines: lines)
        for line in lines {
            reserved[line.sku] = reserved(line.sku).addingSaturating(line.quantity)
        }
    }

    @discardableResult
    private mutating func free(_ order: OrderID) -> [StockLine] {
        let lines = open.removeValue(forKey: order)?.lines ?? []
        for line in lines {
            let rest = reserved(line.sku).subtractingToZero(line.quantity)
            reserved[line.sku] = rest == 0 ? nil : rest
        }
        return lines
    }
}

extension Availability {
    /// Appends the snapshot, sorted: `{"stock":[{"sku":..,"onHand":..}],"open":[{"order":..,
    /// "lines":[..],"packed":true,"givenUp":true}]}`; of the last two only what is so.
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
                            json.member("lines", open[order]?.lines ?? [])
                            if open[order]?.isPacked == true { json.member("packed", true) }
                            if open[order]?.isGivenUp == true { json.member("givenUp", true) }
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
            open[order]?.isPacked = try reservation.flag("packed")
            open[order]?.isGivenUp = try reservation.flag("givenUp")
        }
    }
}
