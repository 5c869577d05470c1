import Arguments
import EventSourcing
import Glibc
import Host

/// `shopctl serve`: one part of a shop as a process of its own.
enum ServeCommand {
    static let command = Command(
        "serve", "run one part of a shop by itself until Ctrl-C",
        options: [
            ShopCommand.data,
            .value("port", "PORT", "where to listen; 0 takes a free one", default: "4222"),
            .value("address", "ADDRESS", "the address to listen on", default: "127.0.0.1"),
            .value("token", "TOKEN", "what clients have to show; without it all are let in"),
            ShopCommand.json,
        ],
        positionals: [.init("PART", "which part; there is one: broker")],
        example: "shopctl serve broker --data .kassa --port 4222")

    static func run(_ invocation: Invocation) throws {
        let part = try invocation.argument("PART")
        guard part == "broker" else {
            throw invocation.invalid("PART", part, expected: "broker")
        }
        Allocator.tune()
        // Blocked before any thread is there, so that only sigwait below hears them.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let runtime = SystemRuntime()
        let data = try invocation.text("data")
        let served = try ServedBroker.start(
            data: data, address: try invocation.text("address"),
            port: UInt16(try invocation.integer("port", in: 0...65535)),
            token: invocation.optionalText("token"), runtime: runtime,
            notice: { Terminal.complain("\(runtime.now()) \($0)") })
        let url = "nats://\(try invocation.text("address")):\(served.port)"
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
        var signal: Int32 = 0
        sigwait(&signals, &signal)
        served.stop()
    }
}
