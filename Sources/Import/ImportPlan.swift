package import Domain

/// What a first reading of a file finds out, so that nothing is sent before all of it is known to
/// be sound: which invoices become orders, what the file needs in stock, and what cannot be sold.
///
/// Holds the invoices' numbers and a sum per SKU, not the lines.
package struct ImportPlan: Sendable {
    /// The lines that may be held at once for invoices whose lines lie apart.
    package static let maximumHeld = 100_000

    /// The invoices a file may have: their numbers and their orders' ids are held in memory.
    package static let maximumInvoices = 5_000_000

    /// What is known of one invoice.
    struct Invoice {
        /// How many runs of lines it has; one where they lie together.
        var parts = 1
        var lines = 0
        var pence: Int64 = 0
        /// Of its first line that can be sold.
        var customer: CustomerID?
        /// Whether it becomes an order: it has something to sell, and is within the limit.
        var isOrder = false
    }

    private let limit: Int
    private let maximumInvoices: Int
    private(set) var invoices: [String: Invoice] = [:]
    private var current = ""

    /// The orders to be placed.
    package private(set) var orders = 0
    /// Invoices that could be orders, and are beyond the limit.
    package private(set) var leftOut = 0
    /// The lines of the orders.
    package private(set) var lines = 0
    /// The pieces that all invoices need, by SKU; those beyond the limit too. So the same goods
    /// come in whatever the limit, and more orders of the same file find theirs there.
    package private(set) var units: [SKU: Int] = [:]
    /// The lines that cannot be sold, by reason, beyond the limit too.
    package private(set) var skipped: [SkipReason: Int] = [:]

    /// - Parameters:
    ///   - limit: the most orders; the first ones of the file.
    ///   - maximumInvoices: a file with more is refused.
    package init(limit: Int? = nil, maximumInvoices: Int = ImportPlan.maximumInvoices) {
        self.limit = limit ?? .max
        self.maximumInvoices = maximumInvoices
    }

    /// How many invoices there are, whatever becomes of them.
    package var invoiceCount: Int { invoices.count }

    /// Takes the file's next line.
    ///
    /// - Throws: where the shop could not take what comes of it.
    package mutating func add(_ line: RetailLine) throws(ImportError) {
        var invoice = invoices[line.invoice] ?? Invoice(parts: 0)
        guard invoice.parts > 0 || invoices.count < maximumInvoices else {
            throw ImportError(
                line: line.line,
                "the file has more than \(maximumInvoices) invoices; split it, and import its parts"
            )
        }
        if line.invoice != current || invoice.parts == 0 { invoice.parts += 1 }
        current = line.invoice
        switch line.content {
        case .skipped(let reason): skipped[reason, default: 0] += 1
        case .sellable(let sold):
            if invoice.lines == 0 {
                invoice.customer = line.customer
                invoice.isOrder = orders < limit
                if invoice.isOrder { orders += 1 } else { leftOut += 1 }
            }
            try Self.count(sold, of: line, in: &invoice)
            if invoice.isOrder { lines += 1 }
            units[sold.sku, default: 0] += sold.quantity
        }
        invoices[line.invoice] = invoice
    }

    private static func count(
        _ sold: OrderLine, of line: RetailLine, in invoice: inout Invoice
    ) throws(ImportError) {
        guard line.customer == invoice.customer else {
            throw ImportError(
                line: line.line,
                "invoice \(line.invoice) has customer \(line.customer?.value ?? "none") here and "
                    + "\(invoice.customer?.value ?? "none") above; an order has one"
            )
        }
        let most = Order.Draft.lineCounts.upperBound
        invoice.lines += 1
        guard invoice.lines <= most else {
            throw ImportError(
                line: line.line,
                "invoice \(line.invoice) has more than \(most) lines to sell, and an order takes "
                    + "\(most); give the rest an invoice number of its own")
        }
        let (pence, overflow) = sold.unitPrice.minor
            .multipliedReportingOverflow(by: Int64(sold.quantity))
        let (sum, carry) = invoice.pence.addingReportingOverflow(pence)
        guard !overflow, !carry else {
            throw ImportError(
                line: line.line,
                "the total of invoice \(line.invoice) is beyond 64 bits of pence; correct the price"
            )
        }
        invoice.pence = sum
    }

    /// Takes the file's end.
    ///
    /// - Throws: where there is nothing to import, or more than fits.
    package func check() throws(ImportError) {
        guard orders > 0 else {
            throw ImportError("the file has no line that can be sold; there is nothing to import")
        }
        for (sku, count) in units where count > Stock.quantities.upperBound {
            throw ImportError(
                "the invoices need \(count) pieces of \(sku), and a receipt brings at most "
                    + "\(Stock.quantities.upperBound); split the file, and import its parts")
        }
        let held = invoices.values.reduce(0) { $0 + ($1.isOrder && $1.parts > 1 ? $1.lines : 0) }
        guard held <= Self.maximumHeld else {
            throw ImportError(
                "the lines of many invoices lie apart, \(held) lines in all, and at most "
                    + "\(Self.maximumHeld) can be held back; sort the file by invoice number")
        }
    }
}
