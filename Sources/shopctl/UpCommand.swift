import Arguments
import EventSourcing
import Glibc
import Host

/// `shopctl up`: the whole shop, in the foreground.
enum UpCommand {
    static let command = Command(
        "up", "run the whole shop until Ctrl-C",
        options: [
            ShopCommand.data,
            .value("port", "PORT", "where to listen; 0 takes a free one", default: "8080"),
            .value("address", "ADDRESS", "the address to listen on", default: "127.0.0.1"),
            ShopCommand.json,
        ],
        example: "shopctl up --data .kassa --port 8080")

    static func run(_ invocation: Invocation) throws {
        // Blocked before any thread is there, so that only sigwait below hears them.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)

        var settings = Shop.Settings(data: try invocation.text("data"))
        settings.port = UInt16(try invocation.integer("port", in: 0...65535))
        settings.address = try invocation.text("address")
        let json = invocation.flag("json")
        let runtime = SystemRuntime()
        settings.notice = { Terminal.complain("\(runtime.now()) \($0)") }
        let shop = try Shop.start(settings)
        let url = "http://\(settings.address):\(shop.port)"
        if json {
            var line = JSONWriter()
            line.object { line in
                line.member("url", url)
                line.member("data", settings.data)
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
