import EventSourcing
import EventStore
import Foundation
import Host
import Messaging

/// What went with logs that were put back from a copy: nobody can promise it any more.
struct Losses {
    /// The orders that an event spoke of which is gone.
    private(set) var orders: Set<String> = []
    /// The logs that were put back.
    private(set) var logs: Set<String> = []

    mutating func add(_ records: [StoredRecord], of log: String) {
        logs.insert(log)
        orders.formUnion(records.map(\.stream.id))
    }
}

/// A build that cannot apply some messages.
struct Defect: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// It takes them for a newer build's.
        case doesNotKnow = "does not know"
        case cannotApply = "cannot apply"
        /// It dies over them, each time that it has them in hand.
        case dies = "dies over"
    }

    let kind: Kind
    /// Of three parts of all keys, which is concerned.
    let part: UInt64

    func concerns(_ message: Message) -> Bool {
        message.stream.id.utf8.reduce(0) { ($0 &* 31 &+ UInt64($1)) & 0xFFFF } % 3 == part
    }
}

/// A service's log as an operator sees it, whatever the service.
protocol LoggingProcess: SimulatedProcess, FailableService {
    var logName: LogName { get }
    var path: String { get }
    /// Nil while it is down.
    var log: EventLog? { get }
    /// What others read of it.
    var feed: any Feed { get }
    /// Whether somebody has put another file in its log's place: it is compared with what others
    /// have read before anything is written.
    var isReplaced: Bool { get set }
    /// What the build that runs cannot do.
    var defect: Defect? { get set }
    /// The keys of messages that could not be applied when they came.
    var delayed: Set<String> { get }
    /// Has an operator try a key's parked messages again.
    ///
    /// - Returns: which; nil where none are parked, or the build still cannot apply them.
    func retryParked(_ random: inout SeededRandom) -> String?
    /// Has a second process work on its file for a moment, as where no lock holds.
    func workTwice()
    /// Whether one has since this one's last transaction: it finds out with the next, and what it
    /// knows without looking may be old until then.
    var isOvertaken: Bool { get }
}

extension Simulation {
    private func copy(of log: LogName) -> String { "\(folder.path)/\(log).copy" }

    /// Somebody keeps a copy of a log, or puts the one back that was kept.
    func restore(_ chance: inout SeededRandom) throws -> (String?, String) {
        let services = shop.services
        let service = services[chance.below(services.count)]
        let copy = copy(of: service.logName)
        let isKept = FileManager.default.fileExists(atPath: copy)
        // Behind a stranger's message nobody sees what the broker holds of a log: who cannot keep
        // strangers from the broker removes its files when a log is put back.
        guard isKept, !wasDisturbed, chance.once(in: 3) else {
            guard service.isUp else { return (nil, "") }
            keepCopy(of: service)
            return ("a copy of a log is kept", "a copy of the log of \(service.name) is kept")
        }
        stopAll()
        try putBack(copy, for: service)
        // Whoever reads the manual opens a new epoch at once.
        let isTold = chance.once(in: 2)
        if isTold { openEpoch(of: service) }
        note(isTold ? "has an old log, and a new epoch" : "has an old log", of: service.name)
        return ("a log is put back from a copy", "\(service.name) has an old copy of its log")
    }

    private func keepCopy(of service: any LoggingProcess) {
        let (copy, newer) = (copy(of: service.logName), "\(copy(of: service.logName)).new")
        do {
            try service.log?.backup(to: newer)
            guard FileManager.default.fileExists(atPath: newer) else { return }
            try? FileManager.default.removeItem(atPath: copy)
            try FileManager.default.moveItem(atPath: newer, toPath: copy)
        } catch {
            // A disk that fails now gives no copy.
            try? FileManager.default.removeItem(atPath: newer)
        }
    }

    private func putBack(_ copy: String, for service: any LoggingProcess) throws {
        // Nobody who puts back a log puts back an older broker later.
        shop.broker.forgetOldFiles()
        let kept = try LogReader(path: copy).queries.head()
        losses.add(try records(service.path, after: kept), of: service.name)
        users.lose(losses.orders, noted: service.logName, after: kept)
        for suffix in ["", "-wal", "-shm"] {
            let file = service.path + suffix
            guard FileManager.default.fileExists(atPath: file) else { continue }
            try FileManager.default.removeItem(atPath: file)
        }
        try FileManager.default.copyItem(atPath: copy, toPath: service.path)
        service.machine?.settle()
        service.isReplaced = true
    }

    /// An operator who puts a file back, or opens an epoch, does so while the shop stands still:
    /// the folder's lock sees to it.
    private func stopAll() { for process in shop.processes { process.crash() } }

    private func openEpoch(of service: any LoggingProcess) {
        do {
            let epoch = try EpochOpening.open(
                service.logName, data: folder.path, why: "put back", at: shop.runtime.now())
            note("epoch \(epoch) is opened", of: service.name)
        } catch {
            // A disk that fails now lets no epoch be opened; the log is halted still.
            note("no epoch can be opened", of: service.name)
        }
    }

    /// An operator has parked messages applied once a build runs that can.
    ///
    /// - Parameter isAwake: whether it is done now and not some time.
    func attendToParked(isAwake: Bool) {
        for service in shop.services where isAwake || random.once(in: 200) {
            guard let what = service.retryParked(&random) else { continue }
            note(what, of: service.name)
        }
    }

    /// An operator reads what a log says that has stopped, and opens a new epoch.
    ///
    /// - Parameter isAwake: whether it is done now and not some time.
    func attendToHalted(isAwake: Bool) throws {
        for service in shop.services {
            guard let why = service.log?.haltReason else { continue }
            // Nobody's log may be behind its readers but one that was put back.
            guard losses.logs.contains(service.name) else {
                throw violated("\(service.name) has stopped: \(why)")
            }
            guard isAwake || random.once(in: 80) else { continue }
            note("has stopped: \(why)", of: service.name)
            stopAll()
            openEpoch(of: service)
        }
    }
}
