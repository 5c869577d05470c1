import Arguments
import EventSourcing
import Host
import NATS

/// What a shop is run with, whether as one process or as several: read once, and passed on.
enum ShopOptions {
    static let payWithin = Option.value(
        "pay-within", "SECONDS", "how long a customer has to pay", default: "120")
    static let holdFor = Option.value(
        "hold-for", "SECONDS",
        "how long stock is held for an order that is not packed; a minute longer than "
            + "--pay-within at least, or what is paid late is undone", default: "86400")
    static let inTransit = Option.value(
        "in-transit", "SECONDS", "how long the built-in carrier has a parcel on the way",
        default: "0")
    static let outForDelivery = Option.value(
        "out-for-delivery", "SECONDS", "how long it then takes to the door", default: "0")
    static let diskReserve = Option.value(
        "disk-reserve", "MIB",
        "kept on the disk for what is under way when the rest is full; with less free beside it "
            + "nothing new is taken", default: "64")

    static let all =
        [payWithin, holdFor, inTransit, outForDelivery, diskReserve] + TraceOptions.all
        + LogOptions.all

    /// The settings that the options make.
    ///
    /// - Parameter log: where what it has to say goes.
    static func settings(_ invocation: Invocation, _ log: LogOutput) throws -> Shop.Settings {
        var settings = Shop.Settings(data: try invocation.text("data"))
        settings.address = try invocation.text("address")
        let payWithin = try invocation.seconds("pay-within", from: 1)
        settings.payWithin = payWithin
        settings.holdFor = try invocation.seconds("hold-for", from: 1)
        settings.inTransit = try invocation.seconds("in-transit", from: 0)
        settings.outForDelivery = try invocation.seconds("out-for-delivery", from: 0)
        settings.diskReserve =
            Int64(try invocation.integer("disk-reserve", in: 0...1_048_576)) << 20
        settings.tracing = try TraceOptions.settings(invocation)
        settings.notice = log.take
        settings.logsAll = log.tellsAll
        return settings
    }

    /// Says of settings that work against each other what comes of it.
    static func warn(_ settings: Shop.Settings) {
        guard let payWithin = settings.payWithin, settings.holdFor < payWithin + .seconds(60) else {
            return
        }
        Terminal.complain(
            "stock is held for less than customers have to pay: what is paid late is undone; "
                + "give a --hold-for that is a minute longer than --pay-within")
    }

    /// The same as a command line, for a part that runs by itself. One of them keeps the reserve
    /// of the disk that all are on, and speaks of it: several would take what another has let go
    /// for room. The others see when it becomes short, and spare it.
    static func arguments(_ invocation: Invocation, for part: ShopPart) throws -> [String] {
        var arguments: [String] = []
        for name in ["data", "pay-within", "hold-for", "in-transit", "out-for-delivery"] {
            arguments += ["--\(name)", try invocation.text(name)]
        }
        let reserve = try invocation.integer("disk-reserve", in: 0...1_048_576)
        let disk = part == .orders ? ["--disk-reserve"] : ["--disk-reserve", "0", "--disk-floor"]
        return try arguments + disk + ["\(reserve)"]
            + TraceOptions.arguments(invocation) + LogOptions.arguments(invocation)
    }
}

extension Invocation {
    /// A year at most.
    fileprivate func seconds(_ name: String, from least: Int) throws(UsageError) -> Duration {
        .seconds(try integer(name, in: least...31_536_000))
    }

    /// The address of a NATS server that an option names; nil where it is absent.
    func broker() throws(UsageError) -> NATSAddress? {
        guard let text = optionalText("broker") else { return nil }
        do throws(NATSAddress.Malformed) { return try NATSAddress(text) } catch {
            throw invalid("--broker", text, expected: "nats://HOST:PORT (\(error))")
        }
    }
}
