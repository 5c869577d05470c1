import Arguments
import EventSourcing
import Glibc
import HTTP
import Host
import NATS

/// `shopctl serve`: one part of a shop as a process of its own.
enum ServeCommand {
    private static let parts = ShopPart.allCases.map(\.rawValue).joined(separator: ", ")

    static let command = Command(
        "serve", "run one part of a shop by itself until Ctrl-C",
        options: [
            ShopCommand.data,
            .value(
                "port", "PORT",
                "where to listen; 0 takes a free one; without it 4222 for the broker, 8080 for "
                    + "the gateway, and a free one for a service"),
            .value("address", "ADDRESS", "the address to listen on", default: "127.0.0.1"),
            .value(
                "advertise", "HOST",
                "where other parts reach this one; without it the address it listens on"),
            .value(
                "broker", "URL", "where the broker is, nats://HOST:PORT",
                default: "nats://127.0.0.1:4222"),
            .value(
                "name", "NAME", "a gateway's name at the broker; of several each has its own",
                default: "gateway"),
        ] + ShopOptions.all + [
            .value(
                "disk-floor", "MIB",
                "for a part beside the one that keeps their disk's reserve, with --disk-reserve 0: "
                    + "with less free take as little of it as can be", default: "0"),
            .flag(
                "shop",
                "for the broker: let only the shop's own processes publish, which show the secret "
                    + "in DIR/secret"),
            .flag("listeners", "for the broker, with --shop: let others listen"),
            .value(
                "token", "TOKEN",
                "for the broker: what clients have to show; without it all are let in"),
            ShopCommand.json,
        ],
        positionals: [.init("PART", "which part: \(parts)")],
        example: "shopctl serve broker --data .kassa --port 4222")

    static func run(_ invocation: Invocation) throws {
        let name = try invocation.argument("PART")
        guard let part = ShopPart(rawValue: name) else {
            throw invocation.invalid("PART", name, expected: "one of \(parts)")
        }
        Allocator.tune()
        StopSignals.block()
        if let supervisor = getenv(Supervisor.variable) {
            guard Supervisor.join(String(cString: supervisor)) else {
                throw CommandFailure("whoever started this process has ended")
            }
        }
        if part == .broker { try runBroker(invocation) } else { try runPart(part, invocation) }
    }

    private static func runBroker(_ invocation: Invocation) throws {
        let runtime = SystemRuntime()
        var settings = ServedBroker.Settings(
            data: try invocation.text("data"), address: try invocation.text("address"),
            port: try port(of: .broker, invocation))
        settings.isOfShop = invocation.flag("shop")
        settings.admitsListeners = invocation.flag("listeners")
        if let token = invocation.optionalText("token") {
            guard !settings.isOfShop else {
                throw invocation.invalid(
                    "--token", token, expected: "left out: with --shop it is the shop's secret")
            }
            settings.login = .token(token)
        }
        if settings.admitsListeners, !settings.isOfShop {
            throw invocation.invalid(
                "--listeners", "", expected: "given with --shop: without it all may publish")
        }
        let log = try LogOutput(invocation, of: ShopPart.broker.rawValue)
        let served = try ServedBroker.start(settings, runtime: runtime, notice: log.take)
        sayReady(invocation, "nats://\(settings.address):\(served.port)", log)
        StopSignals.wait()
        served.stop()
        log.keep("stopped cleanly")
    }

    private static func runPart(_ part: ShopPart, _ invocation: Invocation) throws {
        // Of several gateways each has its own name.
        let name = part == .gateway ? try consumer(invocation) : part.rawValue
        let log = try LogOutput(invocation, of: name)
        var shop = try ShopOptions.settings(invocation, log)
        shop.port = try port(of: part, invocation)
        shop.diskFloor = Int64(try invocation.integer("disk-floor", in: 0...1_048_576)) << 20
        guard let broker = try invocation.broker() else {
            throw invocation.invalid("--broker", "", expected: "nats://HOST:PORT")
        }
        var settings = ServedPart.Settings(part, shop, broker: broker)
        settings.advertised = invocation.optionalText("advertise")
        settings.consumer = try consumer(invocation)
        let served = try ServedPart.start(settings)
        let url = "http://\(HTTPPlace(host: shop.address, port: served.port))"
        var isReady = served.isReady(within: .milliseconds(300))
        if !isReady {
            shop.notice(
                LogLine("listening at \(url); it is ready once it has caught up", .info))
            while !isReady {
                if StopSignals.come(within: 5) { return served.stop() }
                isReady = served.isReady(within: .milliseconds(10))
            }
        }
        sayReady(invocation, url, log)
        StopSignals.wait()
        served.stop()
        log.keep("stopped cleanly")
    }

    /// A name of a consumer's: letters, digits, `-` and `_`.
    private static func consumer(_ invocation: Invocation) throws -> String {
        let name = try invocation.text("name")
        let isName = name.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || $0 == 0x2D || $0 == 0x5F
        }
        let isTaken = ShopPart(rawValue: name).map { $0 != .gateway } ?? false
        guard isName, !isTaken, (1...64).contains(name.utf8.count) else {
            throw invocation.invalid(
                "--name", name,
                expected: "1 to 64 letters, digits, - and _ (of ASCII), and no service's name")
        }
        return name
    }

    private static func port(of part: ShopPart, _ invocation: Invocation) throws(UsageError)
        -> UInt16
    {
        let usual: Int =
            switch part {
            case .broker: Int(NATSAddress.usualPort)
            case .gateway: 8080
            default: 0
            }
        return UInt16(try invocation.optionalInteger("port", in: 0...65535) ?? usual)
    }

    private static func sayReady(_ invocation: Invocation, _ url: String, _ log: LogOutput) {
        log.keep("ready at \(url), process \(getpid()), build \(Build.version)")
        let data = invocation.optionalText("data") ?? ""
        if invocation.flag("json") {
            var line = JSONWriter()
            line.object { line in
                line.member("url", url)
                line.member("data", data)
                line.member("process", Int64(getpid()))
            }
            print(line.text)
        } else {
            print(
                "\(Terminal.green("ready")) at \(Terminal.bold(url)), data in \(data); "
                    + "Ctrl-C stops it")
        }
        fflush(nil)
    }
}
