package import Domain
package import EventSourcing

/// An order as an invoice has it.
package struct ImportedOrder: Hashable, Sendable {
    /// The invoice's number.
    package let reference: String
    package let customer: CustomerID?
    /// When its first line that can be sold was invoiced.
    package let time: Timestamp
    /// At least one.
    package fileprivate(set) var lines: [OrderLine]

    /// The body of `POST /v1/orders`; the same for the same invoice, as a repeated request must be.
    package var body: JSONWriter {
        var json = JSONWriter(reserving: 200 + 100 * lines.count)
        json.object { json in
            json.member("reference", reference)
            if let customer { json.member("customer", customer.value) }
            json.member("occurredAt", time.description)
            json.member("currency", Currency.gbp.code)
            json.member("token", "tok_ok")
            json.member("lines") { json in
                json.array { json in
                    for line in lines {
                        json.object { json in
                            json.member("sku", line.sku.value)
                            json.member("quantity", Int64(line.quantity))
                            json.member("unitPrice", line.unitPrice.minor)
                            if let text = line.description { json.member("description", text) }
                        }
                    }
                }
            }
        }
        return json
    }

    /// The pieces of all lines.
    package var units: Int { lines.reduce(0) { $0 + $1.quantity } }

    /// The sum of all lines, in pence; the plan has seen to it that it fits.
    package var pence: Int64 {
        lines.reduce(0) { $0 &+ $1.unitPrice.minor &* Int64($1.quantity) }
    }
}

/// Makes orders of the lines of a second reading. An invoice whose lines lie apart is held back
/// until its last one.
package struct OrderAssembler: Sendable {
    private let plan: ImportPlan
    /// The invoice whose lines are being read, with what was held back of it.
    private var current: (invoice: String, order: ImportedOrder?)?
    private var held: [String: (parts: Int, order: ImportedOrder?)] = [:]

    package init(_ plan: ImportPlan) { self.plan = plan }

    /// Takes the next line; returns the order that was complete before it.
    ///
    /// - Throws: where the plan knows no such invoice: the file is not what it was.
    package mutating func add(_ line: RetailLine) throws(ImportError) -> ImportedOrder? {
        var complete: ImportedOrder?
        if current?.invoice != line.invoice {
            complete = try endPart()
            current = (line.invoice, held[line.invoice]?.order)
        }
        guard let invoice = plan.invoices[line.invoice] else { throw Self.changed }
        guard invoice.isOrder, case .sellable(let sold) = line.content else { return complete }
        if current?.order == nil {
            current?.order = ImportedOrder(
                reference: line.invoice, customer: line.customer, time: line.time, lines: [])
        }
        current?.order?.lines.append(sold)
        return complete
    }

    /// Takes the file's end; returns the last order.
    package mutating func close() throws(ImportError) -> ImportedOrder? {
        let last = try endPart()
        guard held.isEmpty else { throw Self.changed }
        return last
    }

    private mutating func endPart() throws(ImportError) -> ImportedOrder? {
        guard let (name, order) = current else { return nil }
        current = nil
        guard let invoice = plan.invoices[name] else { throw Self.changed }
        let parts = (held.removeValue(forKey: name)?.parts ?? 0) + 1
        if parts < invoice.parts {
            held[name] = (parts, order)
            return nil
        }
        guard parts == invoice.parts,
            order?.lines.count ?? 0 == (invoice.isOrder ? invoice.lines : 0)
        else { throw Self.changed }
        return order
    }

    private static let changed = ImportError(
        "the file changed while it was imported; what was placed stays: run the same command again")
}
