import Arguments
import EventSourcing
import Host

/// `shopctl epoch open`: what an operator does after restoring a log from a backup.
enum EpochCommand {
    static let command = Command(
        "epoch", "let a restored log write again", options: [ShopCommand.data, ShopCommand.json],
        example: "shopctl epoch open --service orders --why 'restored the backup of Monday'",
        subcommands: [
            Command(
                "open", "open a new epoch, so that no position names two events",
                options: [
                    .required("service", "NAME", "orders, payments, deliveries or notifications"),
                    .required("why", "TEXT", "what happened; it stays on record"),
                ],
                example: "shopctl epoch open --service orders --why 'restored the backup of Monday'"
            )
        ])

    static func run(_ invocation: Invocation) throws {
        let service = try invocation.text("service")
        guard EventListing.services.contains(service) else {
            throw invocation.invalid(
                "--service", service,
                expected: "one of \(EventListing.services.joined(separator: ", "))")
        }
        let why = try invocation.text("why")
        guard (1...500).contains(why.utf8.count) else {
            throw invocation.invalid("--why", why, expected: "1 to 500 bytes: it stays on record")
        }
        let epoch = try EpochOpening.open(
            data: try invocation.text("data"), service: service, why: why)
        guard !invocation.flag("json") else {
            var json = JSONWriter()
            json.object { json in
                json.member("service", service)
                json.member("epoch", epoch)
            }
            return print(json.text)
        }
        print("\(service) is at epoch \(epoch); start the shop again with shopctl up")
    }
}
