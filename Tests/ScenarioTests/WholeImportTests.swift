import EventSourcing
import Foundation
import Testing

/// The whole data set, where it lies beside the package: a year's invoices of a shop.
@Suite(.scenarios) struct WholeImportTests {
    private static let folder = Shopctl.root.deletingLastPathComponent()
        .appendingPathComponent("shared/data/online-retail")

    #if DEBUG
        private static let isDebug = true
    #else
        private static let isDebug = false
    #endif

    /// Said aloud, since a test that is left out is easily taken for one that has passed.
    private static let isPossible: Bool = {
        let files = ["lines.csv.gz", "sellable.json"].map { folder.appendingPathComponent($0).path }
        let missing = files.filter { !FileManager.default.fileExists(atPath: $0) }
        let isUnwanted = ProcessInfo.processInfo.environment["KASSA_IMPORT"] == "sample"
        guard isDebug || isUnwanted || !missing.isEmpty else { return true }
        let why =
            if !missing.isEmpty {
                "there is no \(missing.joined(separator: ", no "))"
            } else if isUnwanted {
                "KASSA_IMPORT is sample"
            } else {
                "a debug build takes a quarter of an hour; scripts/test runs the release build"
            }
        print("NOT TESTED: the import of a whole year; \(why)")
        return false
    }()

    @Test(.enabled(if: isPossible, "needs the data set beside the package, and a release build"))
    func `a whole year comes in, to the penny by day, month and SKU`() throws {
        let shop = try RunningShop(try Folder())
        let expected = try JSON(
            parsing: Array(
                try Data(contentsOf: Self.folder.appendingPathComponent("sellable.json"))))
        let done = try Shopctl.run(
            [
                Shopctl.path, "import", "online-retail", "--json", "--url", shop.url,
                Self.folder.appendingPathComponent("lines.csv.gz").path,
            ], within: 3600)
        guard done.code == 0 else { throw Failure("\(done)") }
        print("a whole year: \(done.output)")
        let said = try JSON(parsing: Array(done.output.utf8))
        let orders = expected["orders"]?.integer
        #expect(said["placed"]?.integer == orders && said["refused"]?.integer == 0)
        #expect(said["lines"]?.integer == expected["lines"]?.integer)
        #expect(said["amount"]?["minor"]?.integer == expected["amount_pence"]?.integer)
        let skipped = Dictionary(
            uniqueKeysWithValues: (said["linesSkipped"]?.array ?? []).map {
                ($0["reason"]?.string ?? "", $0["lines"]?.integer ?? 0)
            })
        #expect(skipped == Self.numbers(expected["lines_skipped"]))
        let statuses = said["statuses"]?.array ?? []
        #expect(statuses.count == 1 && statuses.first?["status"]?.string == "completed")
        #expect(statuses.first?["orders"]?.integer == orders)
        let standing = try shop.get("/v1/reports/orders?by=status").json["rows"]?.array ?? []
        #expect(standing.map { $0["status"]?.string } == ["completed"])
        #expect(standing.first?["orders"]?.integer == orders)

        let sold = try Sold(shop)
        #expect(sold.total.orders == orders)
        #expect(sold.total.lines == expected["lines"]?.integer)
        #expect(sold.total.pence == expected["amount_pence"]?.integer)
        #expect(sold.days.mapValues(\.pence) == Self.numbers(expected["by_day"]))
        #expect(sold.months.mapValues(\.pence) == Self.numbers(expected["by_month"]))
        #expect(sold.skus.count == expected["skus"]?.integer.map(Int.init))
        #expect(sold.skus.mapValues(\.pence) == Self.numbers(expected["by_sku"], "amount_pence"))
        #expect(sold.skus.mapValues(\.units) == Self.numbers(expected["by_sku"], "units"))

        // Orders are completed before all that payments have to say of them is read.
        let accounts = try eventually("all captures are read") { () -> JSON? in
            let accounts = try shop.get("/v1/accounts?verify=true").json
            return Self.balances(accounts)["captured"] == sold.total.pence ? accounts : nil
        }
        #expect(accounts["balanced"] == .bool(true), "\(accounts.text)")
        let balances = Self.balances(accounts)
        #expect(balances["revenue"] == -sold.total.pence && balances["customers"] == 0)

        let verified = try Shopctl.verify(shop.folder, within: 1800)
        #expect(verified.code == 0, "\(verified.all)")
    }

    /// The balances of the accounts of pounds, by name, in pence.
    private static func balances(_ accounts: JSON) -> [String: Int64] {
        let ledgers = accounts["money"]?.array ?? []
        let pounds = ledgers.first { $0["currency"]?.string == "GBP" }
        return Dictionary(
            (pounds?["accounts"]?.array ?? []).map {
                ($0["account"]?.string ?? "", $0["balance"]?["minor"]?.integer ?? 0)
            }
        ) { first, _ in first }
    }

    /// An object's numbers by name; with `member`, those of its objects.
    private static func numbers(_ json: JSON?, _ member: String? = nil) -> [String: Int64] {
        guard case .object(let members) = json else { return [:] }
        var numbers: [String: Int64] = [:]
        for entry in members {
            let value = member.flatMap { entry.value[$0] } ?? entry.value
            numbers[entry.name] = value.integer
        }
        return numbers
    }
}
