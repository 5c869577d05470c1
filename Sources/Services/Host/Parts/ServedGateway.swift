import EventSourcing
import EventStore
import Foundation
import Gateway
import HTTP
import Messaging
import Synchronization
import Telemetry

/// The gateway as a process of its own.
enum ServedGateway {
    static func start(_ settings: ServedPart.Settings) throws -> ServedPart {
        let shell = try PartShell(settings)
        let remote = RemoteServices(peers: shell.peers)
        let watch = StatusWatch(
            shell.peers, broker: "\(settings.broker)", shell.runtime)
        let disk = shell.disk
        let services = GatewayPart.Services(
            orders: remote, stock: remote, desk: RemoteDesk(services: remote),
            feeds: shell.feeds(of: Wiring.logs),
            seen: ShopPart.services.compactMap(watch.seen), holdings: { watch.streams },
            mails: { watch.mails },
            disk: { watch.disk(with: disk.reading) },
            parts: { watch.parts + [Self.own(shell)].compactMap(\.self) },
            peers: shell.peers,
            spans: {
                watch.spans + (shell.tracing.counts.map { [("gateway", $0)] } ?? [])
            })
        let gateway = try GatewayPart(
            services, settings.shop, broker: shell.broker, consumer: settings.consumer,
            disk: disk, runtime: shell.runtime, tracing: shell.tracing)
        let api = shell.innerAPI(file: DataFolder.readStore(in: settings.shop.data)) { _, _ in }
        let server: HTTPServer
        do {
            server = try gateway.start(
                settings.shop, shell.files.limits, addRoutes: api.addRoutes)
        } catch {
            gateway.stop()
            api.stop()
            shell.stop()
            throw error
        }
        shell.announce(port: server.port)
        let hasStarted = Atomic(false)
        shell.heartbeat.change {
            // Behind or not, it works from then on: `/readyz` says whether reads are to be trusted.
            if gateway.isReady { hasStarted.store(true, ordering: .relaxed) }
            return hasStarted.load(ordering: .relaxed) ? .up : .starting
        }
        watch.start()
        return ServedPart(
            port: server.port,
            waitUntilReady: { Self.wait($0) { gateway.isSettled && watch.isWhole } }
        ) {
            shell.leave()
            server.stop(within: .seconds(5))
            api.stop()
            watch.stop()
            gateway.askToStop()
            gateway.stop()
            shell.stop()
        }
    }

    private static func own(_ shell: PartShell) -> ShopReadings.Part? {
        shell.heartbeat.own.map { ShopReadings.Part($0, state: $0.health.rawValue) }
    }

    private static func wait(_ limit: Duration, for isSo: () -> Bool) -> Bool {
        let deadline = MonotonicTime.now() + limit
        while !isSo() {
            guard MonotonicTime.now() < deadline else { return false }
            usleep(10_000)
        }
        return true
    }
}

extension ShopReadings.Part {
    init(_ announcement: Announcement, state: String) {
        self.init(
            part: announcement.part.rawValue, instance: announcement.instance, state: state,
            version: announcement.version, process: announcement.process,
            startedAt: announcement.startedAt)
        residentBytes = announcement.residentBytes
        address = "\(HTTPPlace(host: announcement.host, port: announcement.port))"
    }
}
