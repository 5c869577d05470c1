import EventSourcing
import EventStore
import Foundation
import Host
import Projections
import SQLite

extension Simulation {
    /// The columns of an event's row: all that an auditor is shown.
    private static let columns = [
        "position", "epoch", "stream", "version", "type", "schema", "recorded", "data", "metadata",
        "leaf",
    ]

    /// A folder of copies that an auditor and a doctor are shown.
    private var shown: String { "\(folder.path)/shown" }

    /// An audit finds nothing wrong with the logs, nor a doctor; and with one bit of an event's row
    /// changed, an audit does.
    func checkAudit() throws {
        defer { try? FileManager.default.removeItem(atPath: shown) }
        for service in shop.services {
            guard let log = service.log else { continue }
            let copy = DataFolder.log(service.name, in: shown)
            try FileManager.default.createDirectory(
                atPath: (copy as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true)
            try log.backup(to: copy)
            guard try records(copy) == records(service.path) else {
                throw violated("a backup of \(service.name) is not what the log is")
            }
            try checkRows(of: service.name, in: copy)
            let findings = Audit.findings(in: service.logName, path: copy)
            guard findings.isEmpty else {
                throw violated("the audit of \(service.name) finds: \(findings[0])")
            }
        }
        try checkWhole()
        for service in shop.services {
            guard let log = service.log, log.head > .start else { continue }
            let copy = DataFolder.log(service.name, in: shown)
            guard let flipped = try flipBit(in: copy, of: log.head) else { continue }
            guard !Audit.findings(in: service.logName, path: copy).isEmpty else {
                throw violated("\(service.name): \(flipped) is changed, and no audit finds it")
            }
            outcome.faults["a bit of an event's row flips", default: 0] += 1
        }
        for service in shop.services { try checkDamaged(service) }
    }

    /// With a few bytes of a log's file changed, wherever they are, either an audit complains or
    /// every event is there as it was; and nobody who opens it dies of it.
    private func checkDamaged(_ service: any LoggingProcess) throws {
        guard let log = service.log else { return }
        let copy = "\(shown)/\(service.name).damaged"
        try log.backup(to: copy)
        let (place, bytes) = (random.next(), (0..<16).map { _ in UInt8(random.below(256)) })
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: copy))
        let offset = place % (try file.seekToEnd())
        try file.seek(toOffset: offset)
        try file.write(contentsOf: bytes)
        try file.close()
        outcome.faults["bytes of a log's file change", default: 0] += 1
        _ = FileInspection(path: copy, isInUse: false)
        let complaints = Audit.findings(in: service.logName, path: copy)
        guard complaints.isEmpty else { return open(copy, of: service.logName) }
        guard try records(copy) == records(service.path) else {
            throw violated("\(service.name): an audit misses what changed at byte \(offset)")
        }
        open(copy, of: service.logName)
    }

    private func open(_ damaged: String, of name: LogName) {
        // Whether it opens is not asked: what is damaged may never be read.
        _ = try? EventLog(path: damaged, name: name, at: shop.runtime.now())
        _ = try? LogReader(path: damaged).queries.log(after: .start, limit: 1000)
    }

    /// What the logs say of each other agrees, and the files are whole.
    private func checkWhole() throws {
        try FileManager.default.copyItem(
            atPath: shop.broker.folder, toPath: "\(shown)/broker")
        let settings = Doctor.Settings(
            data: shown, port: 0, searchPath: "", runtime: shop.runtime)
        let files = ["log", "events", "writes", "hops", "broker"]
        let complaint = Doctor(settings).checks.first { check in
            check.state == .problem && files.contains { check.name.hasSuffix($0) }
        }
        if let complaint {
            throw violated("the doctor finds: \(complaint.name): \(complaint.finding)")
        }
        // What went with a log that was put back is missing where others speak of it.
        guard losses.logs.isEmpty else { return }
        let audit = try Audit(logsOf: shown, scratch: "\(folder.path)/notes.db") { _ in }
        if let finding = audit.findings.first {
            throw violated("the audit finds: \(finding.place): \(finding.what)")
        }
    }

    /// What lies beside the events does not grow with them.
    private func checkRows(of service: String, in path: String) throws {
        let connection = try Connection(path: path, mode: .reader)
        // A ledger holds the keys of two days, and no run takes so long.
        let bounds = [
            ("ledger", users.keys), ("snapshots", 1), ("outbox", 1), ("in_hand", 2),
            ("checkpoints", 2), ("effects", 0), ("parked", 0), ("keys", SimulatedUsers.customers),
        ]
        for (table, bound) in bounds {
            let count = try connection.integer("SELECT count(*) FROM \(table)") ?? 0
            guard count <= bound else {
                throw violated("\(service) has \(count) rows of \(table), \(bound) at most")
            }
        }
    }

    /// What is no log stays within its bounds: the files beside the logs, the broker's, and what
    /// waits in the gateway.
    func checkBounds() throws {
        let beside = shop.services.map { "\($0.path)-wal" } + ["\(shop.view.path)-wal"]
        for path in beside {
            let size = Self.size(path)
            // It is moved into the file at 16 MB, where no reader is in the middle of something.
            guard size <= 24 << 20 else { throw violated("\(path) holds \(size) bytes") }
        }
        let broker = FileManager.default.subpaths(atPath: shop.broker.folder) ?? []
        let size = broker.reduce(0) { $0 + Self.size("\(shop.broker.folder)/\($1)") }
        guard size <= SimulatedBroker.mostBytes else {
            throw violated("the broker holds \(size) bytes")
        }
        guard shop.view.freshness.waiterCount == 0 else {
            throw violated("\(shop.view.freshness.waiterCount) readers wait still")
        }
    }

    private static func size(_ path: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? Int) ?? 0
    }

    /// Changes one bit of one event's row.
    ///
    /// - Returns: where; nil where the file does not take it.
    private func flipBit(in path: String, of head: Position) throws -> String? {
        let connection = try Connection(path: path, mode: .writer)
        try connection.execute("DROP TRIGGER events_stay")
        let position = 1 + Int64(random.below(Int(head.value)))
        let column = Self.columns[random.below(Self.columns.count)]
        let bit = random.below(4096)
        let find = try connection.statement(
            "SELECT typeof(\(column)), \(column) FROM events WHERE position = ?1")
        try find.bind(1, position)
        guard try find.step() else { return nil }
        let type = find.text(0)
        let update = try connection.statement(
            "UPDATE events SET \(column) = CAST(?2 AS \(type)) WHERE position = ?1")
        try update.bind(1, position)
        if type == "integer" {
            try update.bind(2, find.integer(1) ^ (1 << Int64(bit % 63)))
        } else {
            var bytes = find.bytes(1)
            guard !bytes.isEmpty else { return nil }
            bytes[bit / 8 % bytes.count] ^= 1 << UInt8(bit % 8)
            try update.bind(2, bytes)
        }
        find.reset()
        do throws(SQLiteError) { try update.run() } catch {
            // Two events cannot stand at one position.
            return nil
        }
        return "bit \(bit) of the \(column) of event \(position)"
    }
}
