import Arguments
import EventSourcing
import Glibc
import HTTP
import Host
import NATS

/// `shopctl up`: the whole shop, in the foreground.
enum UpCommand {
    static let command = Command(
        "up", "run the whole shop until Ctrl-C, each part a process",
        options: [
            ShopCommand.data,
            .value("port", "PORT", "where to listen; 0 takes a free one", default: "8080"),
            .value("address", "ADDRESS", "the address to listen on", default: "127.0.0.1"),
        ] + ShopOptions.all + [
            .value(
                "broker", "URL",
                "a NATS server with JetStream in place of the built-in broker, "
                    + "nats://HOST:PORT"),
            .value(
                "broker-port", "PORT",
                "lets clients of NATS listen to the built-in broker there; 0 takes a free one"),
            .flag("single-process", "run all parts in one process"),
            ShopCommand.json,
        ],
        example: "shopctl up --data .kassa --port 8080")

    static func run(_ invocation: Invocation) throws {
        let isSingle = invocation.flag("single-process")
        // The parts see to it themselves.
        if isSingle { Allocator.tune() }
        StopSignals.block()
        let log = try LogOutput(invocation, of: isSingle ? "shop" : "supervisor")
        var settings = try ShopOptions.settings(invocation, log)
        settings.port = UInt16(try invocation.integer("port", in: 0...65535))
        settings.broker = try invocation.broker()
        settings.brokerPort = try invocation.optionalInteger("broker-port", in: 0...65535)
            .map { UInt16($0) }
        if settings.broker != nil, settings.brokerPort != nil {
            throw invocation.invalid(
                "--broker-port", invocation.optionalText("broker-port") ?? "",
                expected: "left out: there is no built-in broker with --broker")
        }
        ShopOptions.warn(settings)
        guard isSingle else { return try runProcesses(invocation, settings, log) }
        let shop = try Shop.start(settings)
        sayReady(
            invocation, settings,
            url: "http://\(HTTPPlace(host: settings.address, port: shop.port))",
            broker: shop.brokerPort.map { "nats://\(settings.address):\($0)" })
        log.keep("ready, process \(getpid()), build \(Build.version)")
        StopSignals.wait()
        if !invocation.flag("json") { print("stopping") }
        shop.stop()
        log.keep("stopped cleanly")
        if !invocation.flag("json") { print("stopped cleanly") }
    }

    /// - Parameter broker: where NATS' clients may listen; nil where they may not.
    private static func sayReady(
        _ invocation: Invocation, _ settings: Shop.Settings, url: String, broker: String?
    ) {
        if invocation.flag("json") {
            var line = JSONWriter()
            line.object { line in
                line.member("url", url)
                line.member("data", settings.data)
                if let broker { line.member("broker", broker) }
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
    }

    // MARK: A process each

    private static func runProcesses(
        _ invocation: Invocation, _ settings: Shop.Settings, _ log: LogOutput
    ) throws {
        // Each part asks for itself; here it is said before anything is made.
        try OpenFiles.prepare()
        let folder = try DataFolder(path: settings.data, parts: [])
        defer { withExtendedLifetime(folder) {} }
        let isJSON = invocation.flag("json")
        var isStopped = false
        let jobs: [Supervisor.Job]
        do {
            // What ran in one process until now has none yet; a part that has data makes none.
            let secret = try Secret.load(in: settings.data, SystemRuntime())
            DiskWatch.dropReserve(in: settings.data)
            jobs = try Self.jobs(invocation, settings, secret)
        } catch {
            folder.discardIfNew()
            throw error
        }
        let supervisor = Supervisor(jobs) { event in
            switch event {
            case .line(let part, let text, let isError):
                pass(part, text, isError: isError, to: log)
            case .notice(let line): settings.notice(line)
            case .ready(let places):
                log.keep("all parts are ready, process \(getpid()), build \(Build.version)")
                sayReady(
                    invocation, settings, url: places[.gateway] ?? "",
                    broker: settings.brokerPort == nil ? nil : places[.broker])
            case .stopping:
                isStopped = true
                if !isJSON { print("stopping") }
            }
            fflush(nil)
        }
        let missing: [ShopPart]
        do { missing = try supervisor.run() } catch {
            folder.discardIfNew()
            throw error
        }
        guard missing.isEmpty else {
            let parts = missing.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure("\(parts) died whenever started, and did not run at the end")
        }
        if isStopped {
            log.keep("stopped cleanly")
            if !isJSON { print("stopped cleanly") }
        }
    }

    private static func pass(
        _ part: ShopPart, _ text: String, isError: Bool, to log: LogOutput
    ) {
        let name = part.rawValue + String(repeating: " ", count: 13 - part.rawValue.utf8.count)
        let prefix = "\(Terminal.dim(name))| "
        if isError { return log.pass(text, of: part.rawValue, prefix: prefix) }
        let bytes = Array("\(prefix)\(Terminal.plain(text))\n".utf8)
        _ = write(STDOUT_FILENO, bytes, bytes.count)
    }

    /// What is run, and how.
    ///
    /// - Parameter secret: what a broker of the shop's own is shown, as the parts will.
    private static func jobs(
        _ invocation: Invocation, _ settings: Shop.Settings, _ secret: Secret
    ) throws -> [Supervisor.Job] {
        var jobs: [Supervisor.Job] = []
        // Where this machine's own processes find what listens there.
        let isAnywhere = ["0.0.0.0", "::"].contains(settings.address)
        let near = isAnywhere ? "127.0.0.1" : settings.address
        let broker: String
        if let url = invocation.optionalText("broker"), let address = settings.broker {
            // Nothing of the shop would find anything else of it.
            _ = try NATSLink(
                address.showing(token: secret.text), name: "shopctl", within: .seconds(5))
            broker = url
        } else {
            // Known before any part is started: the parts are started in any order.
            let isOpen = settings.brokerPort != nil
            let wanted = settings.brokerPort ?? 0
            let address = isOpen ? settings.address : near
            guard let free = FreePort.find(at: address) else {
                throw CommandFailure(
                    "\"\(address)\" is no address to listen at; give a numeric one of this "
                        + "machine, such as 127.0.0.1")
            }
            // All parts would look for the broker there.
            guard let port = wanted == 0 ? free : FreePort.find(at: address, port: wanted) else {
                throw CommandFailure(
                    "port \(wanted) at \(address) is taken; give another one with --broker-port, "
                        + "or 0 for a free one")
            }
            broker = "nats://\(near.contains(":") ? "[\(near)]" : near):\(port)"
            jobs.append(
                try .init(
                    .broker,
                    ["--shop", "--data", settings.data, "--address", address]
                        + LogOptions.arguments(invocation) + (isOpen ? ["--listeners"] : []),
                    port: port))
        }
        func common(_ part: ShopPart) throws -> [String] {
            try ShopOptions.arguments(invocation, for: part) + ["--broker", broker]
        }
        jobs += try ShopPart.services.map { .init($0, try common($0) + ["--address", near]) }
        jobs.append(
            .init(
                .gateway,
                try common(.gateway) + ["--address", settings.address, "--advertise", near],
                port: settings.port))
        return jobs
    }
}
