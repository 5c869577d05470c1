import EventSourcing
import EventStore
import Glibc
import Synchronization
import Testing

/// What a log acknowledges where the system says of a sync what is not so.
@Suite(.scenarios) struct FailingDiskTests {
    private static let writers = 4

    private func open(_ disk: Disk, _ number: Int = 0) throws -> EventLog {
        try EventLog(
            path: "\(disk.folder.data)/\(number).db", name: LogName("log\(number)"), at: .epoch)
    }

    private func append(to log: EventLog) throws {
        let text = String(repeating: "x", count: 2000)
        let event = NewEvent(
            type: EventType("order.noted"), data: Array("{\"text\":\"\(text)\"}".utf8),
            metadata: Array(#"{"correlation":"c","actor":"system"}"#.utf8))
        try log.commit(at: .epoch) { (transaction) throws(StoreError) in
            _ = try transaction.append([event], to: StreamID("order", "1"), expecting: .any)
        }
    }

    /// ext4 may call a sync done in the midst of which it gave its journal up: not each time, hence
    /// several.
    @Test(.mounts(.ext4), arguments: 0..<4)
    func `what is acknowledged while the kernel shuts a disk is on it`(_: Int) throws {
        let disk = try Disk(.ext4, mebibytes: 64)
        defer { disk.unmount() }
        let acknowledged = Mutex([Int](repeating: 0, count: Self.writers))
        let hasFailed = Atomic(false)
        let failures = inParallel(Self.writers + 1) { index -> String? in
            do {
                guard index < Self.writers else {
                    try eventually("all write") { acknowledged.withLock { $0.min() ?? 0 } > 20 }
                    hasFailed.store(true, ordering: .sequentiallyConsistent)
                    try disk.fail()
                    return nil
                }
                let log = try open(disk, index)
                while true {
                    do { try append(to: log) } catch {
                        if hasFailed.load(ordering: .sequentiallyConsistent) { return nil }
                        throw error
                    }
                    acknowledged.withLock { $0[index] += 1 }
                }
            } catch { return "\(error)" }
        }
        #expect(failures.compactMap { $0 } == [])
        try disk.mend()
        for (number, count) in acknowledged.withLock({ $0 }).enumerated() {
            let found = try open(disk, number).head.value
            #expect(found >= Int64(count), "log \(number)")
        }
    }

    /// Whoever wrote them was killed, or told that they are not on the disk. What is in memory
    /// alone looks as if it were, to the next who opens the file.
    ///
    /// What the kernel writes by itself meanwhile may fail as well, and have it give the disk up:
    /// then there is nothing to be seen, and another disk is taken.
    @Test(.mounts(.ext4))
    func `commits that never came onto the disk are not relied on before they are`() throws {
        for _ in 0..<5 {
            let disk = try Disk(.thin, mebibytes: 64)
            defer { disk.unmount() }
            if let log = try openAfterFailure(disk) {
                defer { log.close() }
                #expect(log.head == Position(2))
                let found = try disk.afterLossOfPower()
                defer { found.unmount() }
                let path = "\(found.folder.data)/1.db"
                let later = try EventLog(path: path, name: Self.name, at: .epoch)
                #expect(later.head == log.head)
                return
            }
        }
        Issue.record("the kernel gave up all disks")
    }

    private static let name = LogName("log0")

    /// Opens a log whose commits lie in memory alone, first while they cannot be written.
    ///
    /// - Returns: nil where the kernel gave the disk up.
    private func openAfterFailure(_ disk: Disk) throws -> EventLog? {
        let (file, commits) = try ofTwoEvents(disk)
        let copy = "\(disk.folder.data)/1.db"
        try write(file, to: copy, isDurable: true)
        try disk.fillHost()
        try write(commits, to: "\(copy)-wal", isDurable: false)
        #expect(throws: StoreError.self) {
            try EventLog(path: copy, name: Self.name, at: .epoch)
        }
        disk.emptyHost()
        // What failed meanwhile may be told to the first who asks.
        var last: StoreError?
        do {
            return try eventually("it is opened") { () -> EventLog?? in
                do throws(StoreError) {
                    return try EventLog(path: copy, name: Self.name, at: .epoch)
                } catch {
                    last = error
                    return disk.isReadOnly ? .some(nil) : nil
                }
            }
        } catch { throw Failure("\(error): \(last.map { "\($0)" } ?? "")") }
    }

    /// What a log of two events has in its file, and beside it.
    private func ofTwoEvents(_ disk: Disk) throws -> (file: [UInt8], commits: [UInt8]) {
        let log = try open(disk)
        try append(to: log)
        try append(to: log)
        defer { log.close() }
        let path = "\(disk.folder.data)/0.db"
        return (try bytes(path), try bytes("\(path)-wal"))
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        let file = Glibc.open(path, O_RDONLY)
        defer { Glibc.close(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = read(file, &bytes, bytes.count)
        guard count > 0, count < bytes.count else { throw Failure("\(path): \(count)") }
        return Array(bytes[..<count])
    }

    private func write(_ bytes: [UInt8], to path: String, isDurable: Bool) throws {
        let file = Glibc.open(path, O_WRONLY | O_CREAT, 0o644)
        defer { Glibc.close(file) }
        guard Glibc.write(file, bytes, bytes.count) == bytes.count, !isDurable || fsync(file) == 0
        else { throw Failure("\(path): errno \(errno)") }
    }
}
