import Arguments
import Domain
import EventSourcing
import EventStore
import Import

/// `shopctl import`: brings orders from a file into a running shop.
enum ImportCommand {
    static let command = Command(
        "import", "bring orders from a file into a running shop",
        options: [ShopCommand.url, ShopCommand.json],
        example: "shopctl import online-retail Examples/online-retail-500.csv.gz",
        subcommands: [
            Command(
                "online-retail",
                "invoices of UCI's Online Retail data set, and the goods they need",
                options: [
                    .value(
                        "limit", "COUNT",
                        "the most orders; all without. Goods come in for the whole file all the "
                            + "same, once"),
                    .value("clients", "COUNT", "how many send at once", default: "8"),
                ],
                positionals: [Positional("file", "CSV, plain or compressed by gzip")],
                example: "shopctl import online-retail Examples/online-retail-500.csv.gz")
        ])

    /// - Returns: 1 where the shop has refused an order.
    static func run(_ invocation: Invocation) throws -> Int32 {
        let limit = try invocation.optionalInteger("limit", in: 1...1_000_000_000)
        let threads = try invocation.integer("clients", in: 1...64)
        let client = try GatewayClient(invocation, connections: threads)
        let file = try ImportFile(try invocation.argument("file"))
        let path = file.path
        let (plan, digest) = try ImportSource.plan(file, limit: limit) { plan in
            Terminal.progress("reading \(path): \(plan.invoiceCount) invoices")
        }
        let reference = Self.reference(digest)
        let importer = Importer(client, threads: threads, progress: ImportProgress())
        try importer.check()
        let began = ContinuousClock.now
        let goods = plan.units.map { (sku: $0.key.value, quantity: $0.value) }
        try importer.receive(goods.sorted { $0.sku < $1.sku }, reference: reference)
        let received = ContinuousClock.now
        try importer.place(try ImportSource(file, plan, digest: digest), count: plan.orders)
        let placed = ContinuousClock.now
        try importer.follow()
        Terminal.endProgress()
        let report = ImportReport(
            file: path, reference: reference, plan: plan, tally: importer.tally,
            seconds: (ContinuousClock.now - began) / .seconds(1),
            placing: (placed - received) / .seconds(1),
            ending: (ContinuousClock.now - received) / .seconds(1))
        print(invocation.flag("json") ? report.json : report.text)
        return report.tally.refused == 0 ? 0 : 1
    }

    /// The same for the same content, whatever the limit, so that no second import brings goods
    /// again.
    private static func reference(_ digest: Digest) -> String {
        "import-\(digest.hex.prefix(16))"
    }
}
