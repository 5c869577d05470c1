import EventSourcing
import EventStore
import Foundation
import Gateway
import HTTP
import Messaging
import Notifications
import Synchronization

/// A service as a process of its own.
enum ServedService {
    /// - Parameters:
    ///   - make: makes the service, which does not run yet.
    ///   - doors: what it does for others, beside its feed.
    static func start<Core: ServiceCore>(
        _ settings: ServedPart.Settings, _ make: (Surroundings) -> ServiceRunner<Core>,
        describe: @escaping @Sendable (inout PartStatus) -> Void = { _ in },
        doors: (ServiceRunner<Core>) -> InnerAPI.Doors
    ) throws -> ServedPart {
        try start(PartShell(settings), make, describe: describe, doors: doors)
    }

    private static func start<Core: ServiceCore>(
        _ shell: PartShell, _ make: (Surroundings) -> ServiceRunner<Core>,
        describe: @escaping @Sendable (inout PartStatus) -> Void,
        doors: (ServiceRunner<Core>) -> InnerAPI.Doors
    ) throws -> ServedPart {
        let (shop, part) = (shell.settings.shop, shell.settings.part)
        let runner = make(
            Surroundings(
                settings: shop, broker: shell.broker,
                feeds: shell.feeds(of: Set(Core.sources.map(\.log))), disk: shell.disk,
                runtime: shell.runtime, tracing: shell.tracing))
        let seen = SeenService(part, runner)
        // Before the log is opened: another that starts asks it what it has read.
        let api = shell.innerAPI(file: runner.settings.path) { status, counts in
            status.sight = seen.look(counts)
            describe(&status)
        }
        let server = try shell.listen(api)
        do {
            shell.runtime.notBefore(try shell.compare(Core.log, at: runner.settings.path))
            try runner.start()
        } catch {
            shell.leave()
            server.stop(within: .zero)
            api.stop()
            shell.stop()
            throw error
        }
        var doors = doors(runner)
        doors.feed = LogFeed(
            path: runner.settings.path, publication: Core.publication,
            isUp: { [weak runner] in runner?.isUp ?? false },
            onBehind: { [weak runner] in runner?.halt($0) })
        let own = doors.commands
        doors.commands = { [weak runner] command, reply in
            switch command.kind {
            case .parked(let act, part):
                guard let runner else { return reply(.unavailable("it stops")) }
                runner.act(act, context: command.context, reply: reply)
            default:
                guard let own else { return reply(.unavailable("\(part) takes no commands")) }
                own(command, reply)
            }
        }
        doors.file = OperatorFile(path: runner.settings.path, runtime: shell.runtime)
        api.open(doors)
        shell.heartbeat.change { [weak runner] in
            guard let runner, runner.isUp else { return .starting }
            return runner.board.status?.haltReason == nil ? .up : .halted
        }
        return ServedPart(port: server.port) {
            shell.leave()
            api.close()
            server.stop(within: .seconds(5))
            api.stop()
            runner.stop()
            shell.stop()
        }
    }

    static func startNotifications(_ settings: ServedPart.Settings) throws -> ServedPart {
        let shell = try PartShell(settings)
        let mails = CountedMailer(
            try MailFolder(
                folder: DataFolder.mails(in: settings.shop.data), runtime: shell.runtime))
        let keys = RemoteKeys(peers: shell.peers)
        return try start(
            shell, { ServiceParts.notifications($0, mails, keys: keys) },
            describe: { $0.mails = .init(sent: mails.sent, failed: mails.failed) },
            doors: { _ in .init() })
    }
}
