import Arguments
import EventSourcing
import Glibc
import Host
import NATS

/// `shopctl up`: the whole shop, in the foreground.
enum UpCommand {
    static let command = Command(
        "up", "run the whole shop until Ctrl-C",
        options: [
            ShopCommand.data,
            .value("port", "PORT", "where to listen; 0 takes a free one", default: "8080"),
            .value("address", "ADDRESS", "the address to listen on", default: "127.0.0.1"),
            .value("pay-within", "SECONDS", "how long a customer has to pay", default: "120"),
            .value(
                "hold-for", "SECONDS",
                "how long stock is held for an order that is not packed; a minute longer than "
                    + "--pay-within at least, or what is paid late is undone",
                default: "86400"),
            .value(
                "in-transit", "SECONDS", "how long the built-in carrier has a parcel on the way",
                default: "0"),
            .value(
                "out-for-delivery", "SECONDS", "how long it then takes to the door", default: "0"),
            .value(
                "disk-reserve", "MIB",
                "kept on the disk for what is under way when the rest is full; with less free "
                    + "beside it nothing new is taken", default: "64"),
            .value(
                "broker", "URL",
                "a NATS server with JetStream in place of the built-in broker, "
                    + "nats://HOST:PORT"),
            .value(
                "broker-port", "PORT",
                "lets clients of NATS listen to the built-in broker there; 0 takes a free one"),
            ShopCommand.json,
        ],
        example: "shopctl up --data .kassa --port 8080")

    static func run(_ invocation: Invocation) throws {
        Allocator.tune()
        // Blocked before any thread is there, so that only sigwait below hears them.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)

        var settings = Shop.Settings(data: try invocation.text("data"))
        settings.port = UInt16(try invocation.integer("port", in: 0...65535))
        settings.address = try invocation.text("address")
        let payWithin = try invocation.seconds("pay-within", from: 1)
        settings.payWithin = payWithin
        settings.holdFor = try invocation.seconds("hold-for", from: 1)
        settings.inTransit = try invocation.seconds("in-transit", from: 0)
        settings.outForDelivery = try invocation.seconds("out-for-delivery", from: 0)
        settings.diskReserve =
            Int64(try invocation.integer("disk-reserve", in: 0...1_048_576)) << 20
        try chooseBroker(invocation, &settings)
        let json = invocation.flag("json")
        let runtime = SystemRuntime()
        settings.notice = { Terminal.complain("\(runtime.now()) \($0)") }
        if settings.holdFor < payWithin + .seconds(60) {
            Terminal.complain(
                "stock is held for less than customers have to pay: what is paid late is undone; "
                    + "give a --hold-for that is a minute longer than --pay-within")
        }
        let shop = try Shop.start(settings)
        let url = "http://\(settings.address):\(shop.port)"
        if json {
            var line = JSONWriter()
            line.object { line in
                line.member("url", url)
                line.member("data", settings.data)
                if let port = shop.brokerPort {
                    line.member("broker", "nats://\(settings.address):\(port)")
                }
                line.member("process", Int64(getpid()))
            }
            print(line.text)
        } else {
            print(
                "\(Terminal.green("ready")) at \(Terminal.bold(url)), data in "
                    + "\(settings.data); Ctrl-C stops it"
            )
        }
        fflush(nil)
        var signal: Int32 = 0
        sigwait(&signals, &signal)
        if !json { print("stopping") }
        shop.stop()
        if !json { print("stopped cleanly") }
    }
}

extension UpCommand {
    private static func chooseBroker(_ invocation: Invocation, _ settings: inout Shop.Settings)
        throws(UsageError)
    {
        if let text = invocation.optionalText("broker") {
            do throws(NATSAddress.Malformed) {
                settings.broker = try NATSAddress(text)
            } catch {
                throw invocation.invalid("--broker", text, expected: "nats://HOST:PORT (\(error))")
            }
        }
        settings.brokerPort = try invocation.optionalInteger("broker-port", in: 0...65535)
            .map { UInt16($0) }
        if settings.broker != nil, settings.brokerPort != nil {
            throw invocation.invalid(
                "--broker-port", invocation.optionalText("broker-port") ?? "",
                expected: "left out: there is no built-in broker with --broker")
        }
    }
}

extension Invocation {
    /// A year at most.
    fileprivate func seconds(_ name: String, from least: Int) throws(UsageError) -> Duration {
        .seconds(try integer(name, in: least...31_536_000))
    }
}
