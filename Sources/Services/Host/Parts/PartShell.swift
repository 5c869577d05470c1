import EventSourcing
import EventStore
import Glibc
import HTTP
import Messaging
import NATS
import Telemetry

/// What every process of a part has around what it does: its folder, its disk, its place at the
/// broker and among the others.
final class PartShell: Sendable {
    let settings: ServedPart.Settings
    let runtime: SystemRuntime
    let files: OpenFiles
    let disk: DiskWatch
    let secret: Secret
    let broker: NATSBroker
    let heartbeat: Heartbeat
    let peers: Peers
    let tracing: Tracing
    private let instance: String
    private let folder: DataFolder
    private let holdings: HoldingsWatch

    init(_ settings: ServedPart.Settings) throws {
        let shop = settings.shop
        let files = try OpenFiles.prepare()
        let runtime = SystemRuntime(notice: shop.say())
        folder = try DataFolder(path: shop.data, only: settings.part)
        let file = settings.part.log.map { DataFolder.log($0.value, in: shop.data) }
        let secret = try Secret.load(
            in: shop.data, runtime,
            isNew: access(file ?? DataFolder.readStore(in: shop.data), F_OK) != 0)
        let address = settings.broker.showing(token: secret.text)
        let heartbeat = Heartbeat(
            address, runtime, file: DataFolder.roster(of: settings.part, in: shop.data),
            notice: shop.say())
        peers = try Peers(heartbeat, secret, runtime)
        broker = NATSBroker(address, name: "\(settings.part)", runtime: runtime)
        holdings = HoldingsWatch(broker)
        disk = DiskWatch(
            folder: "\(shop.data)/\(settings.part)", reserve: shop.diskReserve,
            floor: shop.diskFloor, notice: shop.notice)
        instance = runtime.newID()
        tracing = try Tracing(
            shop.tracing, .own(instance: instance), runtime: runtime, notice: shop.say())
        (self.settings, self.runtime, self.files) = (settings, runtime, files)
        (self.secret, self.heartbeat) = (secret, heartbeat)
    }

    /// Makes what others ask of this process.
    ///
    /// - Parameters:
    ///   - file: where its checkpoints of others' logs are.
    ///   - describe: adds what only this part knows.
    func innerAPI(
        file: String, describe: @escaping @Sendable (inout PartStatus, _ counts: Bool) -> Void
    ) -> InnerAPI {
        let (heartbeat, disk, holdings, tracing) = (heartbeat, disk, holdings, tracing)
        return InnerAPI(
            part: settings.part, secret: secret,
            status: { counts in
                guard let own = heartbeat.own else { return nil }
                var status = PartStatus(own)
                status.disk = disk.reading
                status.spans = tracing.counts
                status.isCounted = counts
                if counts { status.streams = holdings.known }
                describe(&status, counts)
                return status
            },
            checkpoints: {
                guard access(file, F_OK) == 0 else { return [:] }
                return try CheckpointTable.look(path: file, isInUse: true)
            })
    }

    /// Listens, and lets the others know.
    func listen(_ api: InnerAPI) throws -> HTTPServer {
        var router = Router()
        api.addRoutes(to: &router)
        let server = try HTTPServer.start(
            address: settings.shop.address, port: settings.shop.port, limits: files.limits,
            handler: router.handle)
        announce(port: server.port)
        return server
    }

    func announce(port: UInt16) {
        let part = settings.part
        heartbeat.start(
            Announcement(
                part: part, instance: instance,
                host: settings.advertised ?? settings.shop.address, port: port, health: .starting,
                version: Build.version, process: Int64(getpid()), startedAt: runtime.now()))
    }

    /// The feeds of the others' logs.
    func feeds(of logs: some Sequence<LogName>) -> [LogName: any Feed] {
        var feeds: [LogName: any Feed] = [:]
        for log in logs {
            if let part = ShopPart(owning: log) { feeds[log] = RemoteFeed(of: part, peers) }
        }
        return feeds
    }

    /// Says to the others that it goes; its own work goes on until it is stopped.
    func leave() { heartbeat.stop() }

    func stop() {
        tracing.stop()
        peers.stop()
        holdings.stop()
        disk.stop()
    }
}

extension PartShell {
    /// How long a start waits for those that might tell that its log has lost events.
    private static let patience = Duration.milliseconds(1500)

    /// Compares the own log with what its readers and the broker have of it, before anything is
    /// written: see `Handshake`. Whoever is not there is not waited for long, and compares itself
    /// when it comes.
    ///
    /// - Returns: the log's newest recorded time.
    func compare(_ log: LogName, at path: String) throws -> Timestamp {
        let deadline = MonotonicTime.now() + Self.patience
        var (told, missing): ([[String: Checkpoint]], [String]) = ([], [])
        for part in ShopPart.allCases where part != settings.part && part.readsOf(log) {
            let left = max(deadline - .now(), .milliseconds(50))
            _ = heartbeat.wait(left) { $0.hasHeard(part) ? true : nil }
            do {
                told.append(
                    try Checkpoint.checkpoints(
                        in: try peers.body(
                            part, .get, "/checkpoints",
                            within: max(deadline - .now(), .milliseconds(100)))))
            } catch { missing.append("\(part)") }
        }
        if !missing.isEmpty {
            settings.shop.say()(
                "\(log) starts without asking \(missing.joined(separator: ", ")) what they have "
                    + "read of it; they compare it themselves when they come")
        }
        let published = published(log, until: deadline)
        return try Handshake.check(
            log, at: path, Witnesses(told: told), published: published, runtime.now(),
            notice: settings.shop.say())
    }

    /// How far the log was published; nil where the broker has nothing of it, or cannot be asked in
    /// time: then the relay asks it, before it publishes anything.
    private func published(_ log: LogName, until deadline: MonotonicTime) -> Checkpoint? {
        while true {
            do throws(BrokerError) { return try Handshake.published(log, at: broker) } catch {
                guard MonotonicTime.now() < deadline else {
                    settings.shop.notice("\(log) starts without asking the broker: \(error)")
                    return nil
                }
                usleep(20_000)
            }
        }
    }
}
