import EventSourcing
import Foundation
import Messaging
import NATS
import Net
import Simulation
import TestKit
import Testing

/// The broker that is reached over NATS: the built-in one behind its port, and a nats-server.
@Suite struct NATSBrokerTests {
    @Test(arguments: BrokerConformance.checks + BrokerConformance.durableChecks)
    func `the built-in broker conforms over its wire`(check: BrokerConformance.Check) throws {
        let folder = try TemporaryFolder()
        let broker = try SegmentBroker(folder: folder.path, runtime: WallClock())
        let server = try BrokerServer.start(
            broker, address: "127.0.0.1", port: 0,
            login: .shop(secret: "secret", listeners: true), notices: { _ in })
        defer { server.stop(within: .zero) }
        let address = try NATSAddress("nats://secret@127.0.0.1:\(server.port)")
        try check.run(
            BrokerFixture(open: { NATSBroker(address, name: "test", runtime: WallClock()) }))
    }

    @Test func `a consumer that a listener made first keeps nothing from the shop`() throws {
        let folder = try TemporaryFolder()
        let broker = try SegmentBroker(folder: folder.path, runtime: WallClock())
        let server = try BrokerServer.start(
            broker, address: "127.0.0.1", port: 0,
            login: .shop(secret: "secret", listeners: true), notices: { _ in })
        defer { server.stop(within: .zero) }
        let shop = NATSBroker(
            try NATSAddress("nats://secret@127.0.0.1:\(server.port)"), name: "test",
            runtime: WallClock())
        let messages = (1...3).map {
            BrokerMessage(subject: "facts.x", id: "\($0)", headers: [], payload: [])
        }
        #expect(try shop.publish(messages, to: "events", expectedLast: 0) == 3)
        let readers = Subscription(stream: "events", consumer: "readers", filter: "")
        let soon = Moment.now() + .seconds(5)
        let listener = try NATSLink(
            try NATSAddress("nats://127.0.0.1:\(server.port)"), name: "test", within: .seconds(5))
        func ask(_ subject: String, _ payload: String) throws {
            let line = "PUB \(subject) in \(payload.utf8.count)\r\n\(payload)\r\n"
            try listener.send(Array(line.utf8), until: soon)
            let answer = try #require(try listener.receive(until: soon))
            guard case .message = answer else { throw BrokerError.unavailable("\(answer)") }
        }
        try listener.send(Array("SUB in 1\r\n".utf8), until: soon)
        try ask(
            "$JS.API.CONSUMER.DURABLE.CREATE.events.readers",
            #"{"stream_name":"events","config":{"durable_name":"readers","ack_policy":"all"}}"#)
        try ask("$JS.API.CONSUMER.MSG.NEXT.events.readers", "1")
        try ask("$JS.ACK.events.readers.1.1.1.0.0", "+ACK")
        let got = try shop.fetch(readers, limit: 3, wait: .seconds(5))
        #expect(got.map(\.sequence) == [1, 2, 3])
    }

    @Test func `a reader whose server forgets what it was asked for asks again`() throws {
        let folder = try TemporaryFolder()
        let broker = try SegmentBroker(folder: folder.path, runtime: WallClock())
        let server = try BrokerServer.start(
            broker, address: "127.0.0.1", port: 0, login: .token("secret"), notices: { _ in })
        defer { server.stop(within: .zero) }
        let forgetful = try ForgetfulLink(to: server.port)
        let near = NATSBroker(
            try NATSAddress("nats://secret@127.0.0.1:\(server.port)"), name: "near",
            runtime: WallClock())
        let far = NATSBroker(
            try NATSAddress("nats://secret@127.0.0.1:\(forgetful.port)"), name: "far",
            runtime: WallClock())
        func message(_ id: String) -> BrokerMessage {
            BrokerMessage(subject: "facts.x", id: id, headers: [], payload: [])
        }
        #expect(try near.publish([message("1")], to: "events", expectedLast: 0) == 1)
        let readers = Subscription(stream: "events", consumer: "readers", filter: "")
        #expect(try far.fetch(readers, limit: 1, wait: .seconds(5)).map(\.sequence) == [1])
        // That there is nothing, and that the time is over, is not heard.
        #expect(try far.fetch(readers, limit: 1, wait: .milliseconds(200)).isEmpty)
        let limit = Moment.now() + .seconds(30)
        while forgetful.swallowed == 0, .now() < limit { usleep(10_000) }
        #expect(forgetful.swallowed > 0)
        #expect(try near.publish([message("2")], to: "events", expectedLast: 1) == 2)
        #expect(try far.fetch(readers, limit: 1, wait: .seconds(20)).map(\.sequence) == [2])
        // A request that is lost does not take the whole wait with it.
        let swallowed = forgetful.swallowed
        forgetful.swallow(requests: 1)
        #expect(try near.publish([message("3")], to: "events", expectedLast: 2) == 3)
        #expect(try far.fetch(readers, limit: 1, wait: .seconds(60)).map(\.sequence) == [3])
        #expect(forgetful.swallowed > swallowed)
    }

    /// The built-in broker's server or a nats-server, and a client of it that has streams keep so
    /// much.
    private final class Server {
        let address: NATSAddress
        let broker: NATSBroker
        private let folder = try? TemporaryFolder()
        private let own: BrokerServer?
        private let process: NATSServerProcess?

        /// Nil where no nats-server is installed.
        init?(isOwn: Bool, retainedBytes: Int) throws {
            process = isOwn ? nil : try NATSServerProcess()
            own =
                isOwn
                ? try BrokerServer.start(
                    SegmentBroker(
                        folder: folder?.path ?? "",
                        settings: .init(
                            segmentBytes: retainedBytes / 4, retainedBytes: retainedBytes),
                        runtime: WallClock()),
                    address: "127.0.0.1", port: 0, login: .token("secret"), notices: { _ in })
                : nil
            guard
                let place = own.map({ "secret@127.0.0.1:\($0.port)" })
                    ?? process.map({ "127.0.0.1:\($0.port)" })
            else { return nil }
            address = try NATSAddress("nats://\(place)")
            var settings = NATSBroker.Settings()
            settings.retainedBytes = retainedBytes
            broker = NATSBroker(address, name: "test", settings: settings, runtime: WallClock())
        }

        deinit { own?.stop(within: .zero) }
    }

    @Test(arguments: [false, true])
    func `what was sent back and is kept no more holds up nothing`(isOwn: Bool) throws {
        guard let server = try Server(isOwn: isOwn, retainedBytes: 256 * 1024) else {
            return print("skipped: \"what was sent back ...\": no nats-server is installed")
        }
        let near = server.broker
        func publish(_ sequences: ClosedRange<UInt64>) throws {
            for sequence in sequences {
                let message = BrokerMessage(
                    subject: "facts.x", id: "\(sequence)", headers: [],
                    payload: Array(repeating: 7, count: 60_000))
                #expect(
                    try near.publish([message], to: "events", expectedLast: sequence - 1)
                        == sequence)
            }
        }
        try publish(1...4)
        let readers = Subscription(stream: "events", consumer: "readers", filter: "")
        let first = try near.fetch(readers, limit: 4, wait: .seconds(5))
        #expect(first.map(\.sequence) == [1, 2, 3, 4])
        // Two of them go while they are in the reader's hands.
        try publish(5...6)
        while try near.state(of: "events").first <= 2 {
            let last = try near.state(of: "events").last
            try publish((last + 1)...(last + 1))
        }
        let state = try near.state(of: "events")
        try near.reject(readers, from: 1, delay: .milliseconds(50))
        let soon = Moment.now() + .seconds(30)
        var seen: [UInt64] = []
        while seen.last != state.last, .now() < soon {
            // That it was made anew may be said once.
            seen += ((try? near.fetch(readers, limit: 99, wait: .milliseconds(500))) ?? [])
                .map(\.sequence)
        }
        #expect(seen == Array(state.first...state.last))
    }

    @Test(arguments: [false, true])
    func `a consumer that is lost while its reader is connected is made anew`(isOwn: Bool) throws {
        guard let server = try Server(isOwn: isOwn, retainedBytes: 32 * 1024 * 1024) else {
            return print("skipped: \"a consumer that is lost ...\": no nats-server is installed")
        }
        let (near, address) = (server.broker, server.address)
        func message(_ id: String) -> BrokerMessage {
            BrokerMessage(subject: "facts.x", id: id, headers: [], payload: [])
        }
        #expect(try near.publish([message("1")], to: "events", expectedLast: 0) == 1)
        let readers = Subscription(stream: "events", consumer: "readers", filter: "")
        #expect(try near.fetch(readers, limit: 1, wait: .seconds(5)).map(\.sequence) == [1])
        try near.acknowledge(readers, through: 1)
        let soon = Moment.now() + .seconds(30)
        let link = try NATSLink(address, name: "operator", within: .seconds(5))
        try link.send(Array("SUB in 1\r\n".utf8), until: soon)
        let delete = "PUB $JS.API.CONSUMER.DELETE.events.readers in 0\r\n\r\n"
        try link.send(Array(delete.utf8), until: soon)
        _ = try #require(try link.receive(until: soon))
        #expect(try near.publish([message("2")], to: "events", expectedLast: 1) == 2)
        var seen: [UInt64] = []
        while !seen.contains(2), .now() < soon {
            // That it is gone may be said once.
            seen += ((try? near.fetch(readers, limit: 9, wait: .milliseconds(500))) ?? [])
                .map(\.sequence)
        }
        #expect(seen.last == 2)
    }

    /// But for how many streams and consumers it takes, which is its operator's affair.
    private static let ofAnyServer = (BrokerConformance.checks + BrokerConformance.durableChecks)
        .filter { $0.name != "streams and consumers are bounded" }

    @Test(arguments: ofAnyServer)
    func `a nats-server conforms`(check: BrokerConformance.Check) throws {
        guard let server = try NATSServerProcess() else {
            print("skipped: \"a nats-server conforms\": no nats-server is installed")
            return
        }
        let address = try NATSAddress("nats://127.0.0.1:\(server.port)")
        // It sets aside what its streams may hold, and there is not room for all.
        var settings = NATSBroker.Settings()
        settings.retainedBytes = 32 * 1024 * 1024
        try check.run(
            BrokerFixture(open: { [settings] in
                NATSBroker(address, name: "test", settings: settings, runtime: WallClock())
            }))
    }

    @Test func `many may begin a stream at the same time at a nats-server`() throws {
        guard let server = try NATSServerProcess() else {
            print("skipped: \"many may begin a stream ...\": no nats-server is installed")
            return
        }
        let address = try NATSAddress("nats://127.0.0.1:\(server.port)")
        var settings = NATSBroker.Settings()
        settings.retainedBytes = 1024 * 1024
        // Seldom do two of them come so close that the server confuses them.
        for round in 1...500 {
            let broker = NATSBroker(
                address, name: "test", settings: settings, runtime: WallClock())
            try onThreads(8) { thread in
                let reader = Subscription(stream: "s\(round)", consumer: "c\(thread)", filter: "")
                _ = try broker.fetch(reader, limit: 1, wait: .zero)
            }
        }
    }

    @Test func `an address says where servers are, and what they are shown`() throws {
        let one = try NATSAddress("nats://127.0.0.1")
        #expect(one.servers.map(\.description) == ["127.0.0.1:4222"])
        #expect(one.token == nil && one.user == nil)
        let cluster = try NATSAddress("nats://u:p:q@a:1,b,[::1]:7")
        #expect(cluster.servers.map(\.description) == ["a:1", "b:4222", "[::1]:7"])
        #expect(cluster.user == "u" && cluster.password == "p:q")
        #expect(try NATSAddress("token@h").token == "token")
        // What must stay secret is not in what is said of it.
        #expect(cluster.description == "nats://a:1,b:4222,[::1]:7")
        for wrong in ["", "nats://", "tls://a", "nats://a:x", "nats://a:0", "nats://a/b"] {
            #expect(throws: NATSAddress.Malformed.self) { try NATSAddress(wrong) }
        }
    }

    @Test func `a server that is not there, or does not let in, is named`() throws {
        let nobody = NATSBroker(
            try NATSAddress("nats://127.0.0.1:1"), name: "test", runtime: WallClock())
        let refused = #expect(throws: BrokerError.self) { try nobody.state(of: "orders") }
        #expect(refused?.description.contains("nats://127.0.0.1:1") == true)
        let reader = Subscription(stream: "orders", consumer: "readers", filter: "")
        let unread = #expect(throws: BrokerError.self) {
            try nobody.fetch(reader, limit: 1, wait: .zero)
        }
        // Said once, from whichever side.
        #expect(unread?.description == refused?.description)
        let folder = try TemporaryFolder()
        let broker = try SegmentBroker(folder: folder.path, runtime: WallClock())
        let server = try BrokerServer.start(
            broker, address: "127.0.0.1", port: 0, login: .token("secret"), notices: { _ in })
        defer { server.stop(within: .zero) }
        let stranger = NATSBroker(
            try NATSAddress("nats://other@127.0.0.1:\(server.port)"), name: "test",
            runtime: WallClock())
        let turned = #expect(throws: BrokerError.self) { try stranger.state(of: "orders") }
        #expect(turned?.description.contains("Authorization Violation") == true)
    }
}

/// The time that it is.
private final class WallClock: Runtime {
    func now() -> Timestamp {
        Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }
    func random() -> UInt64 { UInt64.random(in: 0 ... .max) }
}

/// A nats-server with JetStream on a port of its own; nil where none is installed.
private final class NATSServerProcess {
    let port: UInt16
    private let process = Process()
    private let folder: TemporaryFolder

    init?() throws {
        let paths = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"]
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else {
            return nil
        }
        folder = try TemporaryFolder()
        let settings = "\(folder.path)/settings"
        try "max_payload: 2MB\n".write(toFile: settings, atomically: true, encoding: .utf8)
        let ports = "\(folder.path)/ports"
        try FileManager.default.createDirectory(atPath: ports, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = [
            "-c", settings, "-js", "-sd", "\(folder.path)/data", "-a", "127.0.0.1", "-p", "-1",
            "--ports_file_dir", ports,
        ]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        port = try Self.port(in: ports)
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    /// The port that it has written down once it was ready.
    private static func port(in folder: String) throws -> UInt16 {
        for _ in 0..<400 {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                let data = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
                if let json = try? JSON(parsing: Array(data)),
                    let url = json["nats"]?.array?.first?.string,
                    let port = url.split(separator: ":").last.flatMap({ UInt16($0) })
                {
                    return port
                }
            }
            usleep(25_000)
        }
        throw BrokerError.unavailable("nats-server did not start")
    }
}
