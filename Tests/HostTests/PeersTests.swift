import EventSourcing
import Glibc
import HTTP
import Host
import Messaging
import NATS
import Testing

/// Calls to other processes whose announcements the test makes.
final class PeersRig {
    let runtime = StandingRuntime()
    let heartbeat: Heartbeat
    let secret: Secret
    let peers: Peers
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        secret = try Secret.load(in: folder.path, SystemRuntime())
        // Nobody is asked there: it is not started.
        heartbeat = Heartbeat(try NATSAddress("nats://127.0.0.1:1"), runtime, notice: { _ in })
        peers = try Peers(heartbeat, secret, runtime)
    }

    deinit { peers.stop() }

    func hear(_ announcement: Announcement) { heartbeat.hear(announcement.bytes(asks: false)) }

    /// What came of a call: the answer's status and text, or what failed.
    func call(
        _ part: ShopPart = .orders, key: String = "", isIdempotent: Bool = true,
        within: Duration = .seconds(20)
    ) -> String {
        let call = Peers.Call(
            part: part, key: key, method: .post, target: "/commands", body: [1, 2, 3],
            isIdempotent: isIdempotent, within: within)
        do throws(Peers.Failure) {
            let response = try peers.ask(call)
            return "\(response.status.code) \(response.text)"
        } catch {
            switch error {
            case .unavailable(let why): return "unavailable: \(why)"
            case .unknown(let why): return "unknown: \(why)"
            }
        }
    }

    var line: Peers.LineStatus? { peers.statuses.first }
}

@Suite struct PeersTests {
    private static let refusal = ScriptedServer.Line.answer(503, "not open yet")

    // MARK: Where it goes

    @Test func `a call goes to the home of its key, and shows the secret`() throws {
        let rig = try PeersRig()
        try ScriptedServer.run { first in
            try ScriptedServer.run { second in
                for (shard, server) in [first, second].enumerated() {
                    rig.hear(
                        .sample(.orders, "\(shard)", port: server.port, shard: shard, shards: 2))
                }
                var expected = [0, 0]
                for number in 0..<20 {
                    let home = rig.heartbeat.roster.home(of: .orders, key: "o-\(number)")
                    expected[try #require(home).shard] += 1
                    #expect(rig.call(key: "o-\(number)") == "200 done")
                }
                #expect([first, second].map(\.requests.count) == expected)
                #expect(expected.allSatisfy { $0 > 0 })
                for request in first.requests + second.requests {
                    #expect(request.method == .post)
                    #expect(request.target == "/inner/v1/commands")
                    #expect(request.body == [1, 2, 3])
                    #expect(request.headers["Authorization"] == "Bearer \(rig.secret.text)")
                    #expect(request.headers["Kassa-Part"] == "orders")
                }
            }
        }
    }

    @Test func `a part that nobody has heard of is not called`() throws {
        let rig = try PeersRig()
        #expect(rig.call() == "unavailable: no orders service has been heard of")
        try ScriptedServer.run { server in
            rig.hear(.sample(.payments, "p", port: server.port))
            #expect(rig.call().hasPrefix("unavailable"))
            rig.hear(.sample(port: server.port))
            #expect(rig.call() == "200 done")
            rig.hear(.sample(port: server.port, health: .stopping))
            #expect(rig.call().hasPrefix("unavailable"))
            #expect(server.requests.count == 1)
        }
    }

    @Test func `what is no announcement is passed over, and who asks is to be answered`() throws {
        let rig = try PeersRig()
        for text in ["", "{}", "null", #"{"part":"orders","asks":true}"#, "{\"asks\":true"] {
            #expect(!rig.heartbeat.hear(Array(text.utf8)))
        }
        #expect(rig.heartbeat.roster.all.isEmpty)
        #expect(rig.heartbeat.hear(Announcement.sample().bytes(asks: true)))
        #expect(!rig.heartbeat.hear(Announcement.sample().bytes(asks: false)))
        #expect(rig.heartbeat.roster.all.map(\.announcement) == [.sample()])
    }

    @Test func `any answer but 503 and 421 is an answer`() throws {
        let rig = try PeersRig()
        let statuses: [HTTPStatus] = [200, 400, 401, 404, 409, 500, 502]
        try ScriptedServer.run(statuses.map { .answer($0, "so") }) { server in
            rig.hear(.sample(port: server.port))
            for status in statuses { #expect(rig.call() == "\(status.code) so") }
            #expect(server.requests.count == statuses.count)
            #expect(rig.line?.retries == 0)
        }
    }

    @Test func `an address that is another part's now carried nothing out`() throws {
        let rig = try PeersRig()
        let stranger = "orders was asked for, and this is payments"
        try ScriptedServer.run([.answer(421, stranger), .answer(200, "so")]) { server in
            rig.hear(.sample(port: server.port))
            #expect(rig.call(isIdempotent: false) == "200 so")
            #expect(server.requests.count == 2)
        }
    }

    // MARK: Again

    @Test(arguments: [true, false])
    func `what was refused is called again, four times in all`(isIdempotent: Bool) throws {
        let rig = try PeersRig()
        rig.hear(.sample(host: "127.0.0.91", port: try ScriptedServer.nowhere("127.0.0.91")))
        let outcome = rig.call(isIdempotent: isIdempotent)
        #expect(outcome.hasPrefix("unavailable: "))
        #expect(outcome.contains("Connection refused"))
        #expect(rig.line?.calls == 4)
        #expect(rig.line?.failures == 4)
        #expect(rig.line?.retries == 3)
    }

    @Test(arguments: [true, false])
    func `what is not open yet is called again, four times in all`(isIdempotent: Bool) throws {
        let rig = try PeersRig()
        try ScriptedServer.run([Self.refusal, Self.refusal, Self.refusal]) { server in
            rig.hear(.sample(port: server.port))
            #expect(rig.call(isIdempotent: isIdempotent) == "200 done")
            #expect(server.requests.count == 4)
        }
        try ScriptedServer.run([ScriptedServer.Line](repeating: Self.refusal, count: 9)) { server in
            rig.hear(.sample(port: server.port))
            #expect(rig.call(isIdempotent: isIdempotent) == "unavailable: not open yet")
            #expect(server.requests.count == 4)
        }
    }

    @Test func `what was sent and not answered is called again only where it does no harm`() throws
    {
        let rig = try PeersRig()
        try ScriptedServer.run([.hangUp, .hangUp, .hangUp]) { server in
            rig.hear(.sample(port: server.port))
            #expect(rig.call(isIdempotent: false).hasPrefix("unknown: "))
            #expect(server.requests.count == 1)
            #expect(rig.line?.retries == 0)
            #expect(rig.call(isIdempotent: true) == "200 done")
            #expect(server.requests.count == 4)
        }
    }

    @Test func `what is never answered is called four times, and nobody knows`() throws {
        let rig = try PeersRig()
        try ScriptedServer.run([.hangUp, .hangUp, .hangUp, .hangUp]) { server in
            rig.hear(.sample(port: server.port))
            #expect(rig.call().hasPrefix("unknown: "))
            #expect(server.requests.count == 4)
        }
    }

    @Test func `what may have been carried out stays unknown, however it is refused later`() throws
    {
        let rig = try PeersRig()
        try ScriptedServer.run([.hangUp, Self.refusal, Self.refusal, Self.refusal]) { server in
            rig.hear(.sample(port: server.port))
            #expect(rig.call() == "unknown: not open yet")
            #expect(server.requests.count == 4)
        }
    }

    @Test func `what may have been carried out stays unknown where the breaker opens`() throws {
        let rig = try PeersRig()
        let script = [ScriptedServer.Line](repeating: .hangUp, count: 5)
        try ScriptedServer.run(script) { server in
            rig.hear(.sample(port: server.port))
            for _ in 0..<4 { #expect(rig.call(isIdempotent: false).hasPrefix("unknown: ")) }
            #expect(rig.call().hasPrefix("unknown: the orders service did not answer lately"))
            #expect(server.requests.count == 5)
        }
    }

    @Test func `what may have been carried out stays unknown where its home goes`() throws {
        let rig = try PeersRig()
        let heartbeat = rig.heartbeat
        let leave: @Sendable () -> Void = {
            heartbeat.hear(Announcement.sample(health: .stopping).bytes(asks: false))
        }
        try ScriptedServer.run([.hangUpAfter(leave)]) { server in
            rig.hear(.sample(port: server.port))
            #expect(rig.call() == "unknown: no orders service has been heard of")
            #expect(server.requests.count == 1)
        }
    }

    @Test func `a call whose time is over is not made`() throws {
        let rig = try PeersRig()
        try ScriptedServer.run { server in
            rig.hear(.sample(port: server.port))
            #expect(
                rig.call(within: .zero) == "unavailable: the orders service was not asked in time")
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `once it is stopped nothing is called`() throws {
        let rig = try PeersRig()
        try ScriptedServer.run { server in
            rig.hear(.sample(port: server.port))
            rig.peers.stop()
            #expect(rig.call().hasPrefix("unavailable: "))
            #expect(server.requests.isEmpty)
            rig.peers.stop()
        }
    }

    // MARK: Bounds

    /// Calls where nothing listens until the breaker opens.
    private func open(_ rig: PeersRig) {
        #expect(rig.call(isIdempotent: false).contains("Connection refused"))
        #expect(rig.line?.breaker == "closed")
        #expect(rig.call(isIdempotent: false).hasPrefix("unavailable: the orders service did not"))
        #expect(rig.line?.breaker == "open")
        #expect(rig.line?.calls == 5)
    }

    @Test func `after five failures calls fail at once, until the process is back`() throws {
        let rig = try PeersRig()
        let (host, port) = ("127.0.0.92", try ScriptedServer.nowhere("127.0.0.92"))
        rig.hear(.sample(host: host, port: port))
        open(rig)
        for _ in 0..<10 { #expect(rig.call().contains("did not answer lately")) }
        #expect(rig.line?.calls == 5)
        // One is let through, and finds nobody: then it is left alone for two seconds.
        rig.runtime.advance(by: .seconds(1))
        #expect(rig.call().contains("did not answer lately"))
        #expect(rig.line?.calls == 6)
        try ScriptedServer.run(address: host, port: port) { server in
            rig.runtime.advance(by: .milliseconds(1999))
            #expect(rig.call().contains("did not answer lately"))
            #expect(server.requests.isEmpty)
            rig.runtime.advance(by: .milliseconds(1))
            for _ in 0..<10 { #expect(rig.call() == "200 done") }
            #expect(rig.line?.breaker == "closed")
            #expect(server.requests.count == 10)
        }
    }

    @Test func `a process that is not open yet is there`() throws {
        let rig = try PeersRig()
        try ScriptedServer.run([ScriptedServer.Line](repeating: Self.refusal, count: 12)) {
            server in
            rig.hear(.sample(port: server.port))
            for _ in 0..<3 { #expect(rig.call() == "unavailable: not open yet") }
            #expect(rig.line?.breaker == "closed")
            #expect(rig.call() == "200 done")
        }
    }

    @Test func `a call that is out of time does not stand for the process`() throws {
        let rig = try PeersRig()
        let (host, port) = ("127.0.0.93", try ScriptedServer.nowhere("127.0.0.93"))
        rig.hear(.sample(host: host, port: port))
        open(rig)
        rig.runtime.advance(by: .seconds(1))
        try ScriptedServer.run(address: host, port: port) { server in
            #expect(rig.call(within: .zero).hasPrefix("unavailable: "))
            #expect(rig.call() == "200 done")
            #expect(server.requests.count == 1)
        }
    }

    @Test func `another run of the process has a breaker of its own`() throws {
        let rig = try PeersRig()
        let (host, port) = ("127.0.0.94", try ScriptedServer.nowhere("127.0.0.94"))
        rig.hear(.sample(host: host, port: port))
        open(rig)
        try ScriptedServer.run(address: host, port: port) { server in
            rig.hear(.sample(.orders, "b", host: host, port: port))
            #expect(rig.call() == "200 done")
            #expect(rig.peers.statuses.map(\.instance) == ["b"])
            #expect(rig.line?.calls == 1)
        }
    }

    @Test func `where all fails only a tenth is called again`() throws {
        let rig = try PeersRig()
        let script = [ScriptedServer.Line](repeating: Self.refusal, count: 1000)
        try ScriptedServer.run(script) { server in
            rig.hear(.sample(port: server.port))
            for _ in 0..<200 { #expect(rig.call() == "unavailable: not open yet") }
            let calls = server.requests.count
            // Ten that were saved, and a tenth of all that is sent.
            #expect(calls >= 210)
            #expect(calls <= 200 + 10 + calls / 10)
            #expect(rig.line?.calls == Int64(calls))
            #expect(rig.line?.retries == Int64(calls - 200))
        }
    }

    @Test func `calls for which there is no room are counted, and are not made`() throws {
        let rig = try PeersRig()
        let silent = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(silent) }
        var (place, length) = (sockaddr_in(), socklen_t(MemoryLayout<sockaddr_in>.size))
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = inet_addr("127.0.0.1")
        withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(silent, $0, length) + listen(silent, 8) + getsockname(silent, $0, &length)
            }
        }
        rig.hear(.sample(port: UInt16(bigEndian: place.sin_port)))
        let call = Peers.Call(
            part: .orders, key: "", method: .post, target: "/commands", body: [],
            isIdempotent: false, within: .seconds(1))
        let outcomes = Monitor<[String]>([])
        for _ in 0..<1100 {
            rig.peers.send(call) { result in
                outcomes.withLock { $0.append("\(result)") }
                outcomes.wakeAll()
            }
        }
        #expect(rig.peers.surplus >= 76)
        let first = outcomes.wait(until: .now() + .seconds(20)) { outcomes in
            outcomes.first.map { .done($0) } ?? .wait(atMost: nil)
        }
        #expect(first?.contains("are under way") == true, "\(first ?? "nothing")")
    }
}
