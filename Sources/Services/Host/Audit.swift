package import EventSourcing
import EventStore
import Foundation
import Messaging
import Projections

/// Replays a shop's history from its files alone, and compares it with what the shop has in use.
///
/// Each log: gapless positions, leaves over the stored bytes, the tree's root, time that never runs
/// backwards, each stream folded afresh. Then what is derived: streams, timers of open
/// checkouts, due calls, snapshots, and the read store row by row. Then what must agree across
/// services: money, parcels and orders' ends. A running shop may be audited.
package struct Audit: Sendable {
    package struct Finding: Hashable, Sendable {
        /// A service, or `read store`.
        package let place: String
        package let what: String
    }

    /// What was looked at, by place: events and rows.
    package private(set) var counts: [(place: String, unit: String, count: Int)] = []
    /// The root of each log's tree, for whoever keeps it as evidence.
    package private(set) var roots: [(log: String, size: Int64, root: String)] = []
    /// The first differences, at most 100.
    package private(set) var findings: [Finding] = []
    package private(set) var findingCount = 0
    package var isClean: Bool { findingCount == 0 }

    /// Everything.
    ///
    /// - Parameters:
    ///   - data: the shop's folder.
    ///   - scratch: a path that does not exist, for notes and for the fresh read store; removed
    ///     afterwards by the caller.
    ///   - kept: what trees must have been once.
    ///   - progress: told, now and then, what is being done.
    /// - Throws: `Shop.Failure` where a file cannot be read at all.
    package init(
        data: String, scratch: String, kept: [LogName: KeptRoot] = [:],
        progress: (String) -> Void
    ) throws {
        try auditLogs(data: data, scratch: scratch, kept: kept, progress: progress)
        progress("the read store")
        try compareReadStore(data, scratch)
    }

    /// All logs, without the read store.
    package init(logsOf data: String, scratch: String, progress: (String) -> Void) throws {
        try auditLogs(data: data, scratch: scratch, progress: progress)
    }

    /// One service alone: its log, and what is derived from it in the same file.
    ///
    /// - Parameters:
    ///   - service: one of `EventListing.services`.
    ///   - kept: what its tree must have been once.
    /// - Throws: `Shop.Failure` where the file cannot be read at all.
    package init(
        service: String, data: String, kept: [LogName: KeptRoot] = [:],
        progress: (String) -> Void
    ) throws {
        try run(
            [LogName(service)], AuditNotes(book: nil), data: data, kept: kept, progress: progress)
    }

    /// The roots that an audit has printed as JSON: `{"trees":[{"log","size","root"}]}`.
    ///
    /// - Throws: for anything else.
    package static func keptRoots(_ printed: JSON) throws(JSONError) -> [LogName: KeptRoot] {
        var roots: [LogName: KeptRoot] = [:]
        for tree in try JSONObject(printed).objects("trees") {
            let log = LogName(try tree.string("log"))
            guard Wiring.logs.contains(log) else { throw tree.error("log", "names no log") }
            let size = try tree.integer("size")
            guard size >= 0 else { throw tree.error("size", "must not be negative") }
            guard let root = Digest(hex: try tree.string("root")) else {
                throw tree.error("root", "is no SHA-256 hash")
            }
            roots[log] = KeptRoot(size: size, root: root)
        }
        return roots
    }

    /// What an audit of one log finds, and of what is derived from it in the same file; read in
    /// this thread.
    package static func findings(in log: LogName, path: String) -> [String] {
        do throws(StoreError) {
            let job = try AuditJob(log, path: path, AuditNotes(book: nil), board: AuditBoard())
            job.run()
            return job.log.findings.first + (job.failure.map { [$0.description] } ?? [])
        } catch { return [error.description] }
    }

    private mutating func find(_ place: String, _ what: String) {
        findingCount += 1
        if findings.count < 100 { findings.append(Finding(place: place, what: what)) }
    }

    private mutating func auditLogs(
        data: String, scratch: String, kept: [LogName: KeptRoot] = [:],
        progress: (String) -> Void
    ) throws {
        let book: Notebook
        do throws(StoreError) {
            book = try Notebook(path: scratch, kinds: AuditNotes.Kind.allCases.count)
        } catch { throw Self.unreadable(error, data) }
        defer { ReadFiles.remove(scratch) }
        // Orders first: what they say of the others was on record there before.
        try run(Wiring.logs, AuditNotes(book: book), data: data, kept: kept, progress: progress)
        do throws(StoreError) {
            try crossCheck(book)
        } catch { throw Shop.Failure.cannotStart("\(error)") }
    }

    /// Opens the logs in this order, and reads them side by side.
    private mutating func run(
        _ names: [LogName], _ notes: AuditNotes, data: String, kept: [LogName: KeptRoot],
        progress: (String) -> Void
    ) throws {
        var jobs: [AuditJob] = []
        let board = AuditBoard()
        for name in names {
            do throws(StoreError) {
                jobs.append(
                    try AuditJob(
                        name, path: DataFolder.log(name.value, in: data), notes, kept: kept[name],
                        board: board))
            } catch { try refuse(error, name, data) }
        }
        AuditJob.run(jobs, board: board) { progress("\($0) events") }
        for job in jobs {
            counts.append((job.name.value, "events", job.log.count))
            roots.append((job.name.value, job.log.tree.size, job.log.tree.root.hex))
            for what in job.log.findings.first { find(job.name.value, what) }
            findingCount += job.log.findings.count - job.log.findings.first.count
            if let error = job.failure { try refuse(error, job.name, data) }
        }
    }

    /// Damage is a finding; a file that cannot be read at all ends the audit.
    private mutating func refuse(_ error: StoreError, _ name: LogName, _ data: String) throws {
        switch error {
        case .unreadableEvent, .unusable: find(name.value, error.description)
        default:
            throw Self.unreadable(error, data)
        }
    }

    private static func unreadable(_ error: StoreError, _ data: String) -> Shop.Failure {
        .cannotStart("\(error); is \(data) a shop's folder? start one with shopctl up")
    }

    /// What one service's end says of the others.
    private mutating func crossCheck(_ book: Notebook) throws(StoreError) {
        try book.forEach { id, notes in
            let parts = (notes[AuditNotes.Kind.end.rawValue] ?? "").split(
                separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            let (end, total) = (parts.first ?? "", parts.count > 1 ? String(parts[1]) : "")
            let captured = notes[AuditNotes.Kind.captured.rawValue]
            if end == "completed" {
                let isSkipped = notes[AuditNotes.Kind.captureSkipped.rawValue] != nil
                if captured ?? (isSkipped ? total : "") != total {
                    find("payments", "order \(id) is completed, but its total was not captured")
                }
                if notes[AuditNotes.Kind.carried.rawValue] == nil,
                    notes[AuditNotes.Kind.handOverSkipped.rawValue] == nil
                {
                    find("deliveries", "order \(id) is completed, but no parcel was handed over")
                }
            } else if captured != nil {
                find("payments", "order \(id) is \(end), but money was captured")
            }
        }
    }

    private mutating func compareReadStore(_ data: String, _ scratch: String) throws {
        let feeds = Wiring.publications.map { log, publication in
            (
                source: Source(log, Publication.facts),
                feed: LogFeed(
                    path: DataFolder.log(log.value, in: data), publication: publication,
                    onBehind: { _ in }) as any Feed
            )
        }
        let path = DataFolder.readStore(in: data)
        guard FileManager.default.fileExists(atPath: path) else {
            return find("read store", "there is none; the next shopctl up builds it anew")
        }
        let comparison: Comparison
        do throws(ComparisonError) {
            comparison = try Comparison(path: path, freshPath: scratch, feeds: feeds, seed: 1)
        } catch {
            // A rebuild may have put another file in its place between two looks.
            if DataFolder.readStore(in: data) != path, !FileManager.default.fileExists(atPath: path)
            {
                return try compareReadStore(data, scratch)
            }
            // Findings that explain it may be there already: they must be told as well.
            return find("read store", error.description)
        }
        if let why = comparison.staleReason { find("read store", "it is stale: \(why)") }
        for (table, count) in comparison.rows {
            // The comparison counts the rows of both sides.
            counts.append(("read store", "rows of \(table)", (count + 1) / 2))
        }
        for difference in comparison.differences {
            find("read store", difference.description)
        }
        findingCount += comparison.differenceCount - comparison.differences.count
        try checkBooks(path)
    }

    /// Whether the books of the live rows balance.
    private mutating func checkBooks(_ path: String) throws {
        // A rebuild may have put another file in its place meanwhile.
        guard FileManager.default.fileExists(atPath: path) else { return }
        let accounts = try Accounts.look(
            path: path, isInUse: true, Accounts.Question(isVerifying: true))
        for alarm in accounts.alarms { find("books", "\(alarm.code): \(alarm.detail)") }
    }
}
