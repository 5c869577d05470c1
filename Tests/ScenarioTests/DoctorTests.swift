import EventSourcing
import Foundation
import Glibc
import Host
import Testing

/// `shopctl doctor`: each kind of damage is planted, and named.
@Suite(.scenarios) struct DoctorTests {
    struct Plant: CustomTestStringConvertible, Sendable {
        enum Way: Sendable {
            case sql(file: String, String)
            /// Bytes that are put over what is there.
            case bytes(file: String, at: Int, [UInt8])
            case removal(String)
            /// A file that takes another's place.
            case copy(String, to: String)
        }

        let name: String
        let way: Way
        /// The check that names it, how, and what it says.
        let check: String
        var state = "problem"
        let finding: String
        var testDescription: String { name }
    }

    private static let orders = "orders/orders.db"
    private static let noise = [UInt8](repeating: 0x5A, count: 600)
    private static let segment = "broker/kassa-orders/00000000000000000001.segment"
    private static let plants: [Plant] = [
        Plant(
            name: "a file that is none", way: .bytes(file: orders, at: 0, noise),
            check: "orders log", finding: "not a database"),
        Plant(
            name: "a page of noise", way: .bytes(file: orders, at: 4096 * 3, noise),
            check: "orders log", finding: ""),
        Plant(
            name: "another format", way: .sql(file: orders, "PRAGMA user_version = 99"),
            check: "orders log", finding: "format 99"),
        Plant(
            name: "another service's file", way: .copy("payments/payments.db", to: orders),
            check: "orders log", finding: "holds the log payments"),
        Plant(
            name: "a missing log that others have read", way: .removal(orders),
            check: "orders log", finding: "is missing or empty, and others have read it up to"),
        Plant(
            name: "a log that ends before what was read of it",
            way: .sql(
                file: "notifications/notifications.db",
                "UPDATE checkpoints SET position = position + 9 WHERE source = 'orders/facts'"),
            check: "orders events", finding: "its newest events are lost"),
        Plant(
            name: "a key of the wrong length",
            way: .bytes(file: "gateway/cursor.key", at: 32, [1]), check: "cursor key",
            finding: "does not hold 32 bytes"),
        Plant(
            name: "no key", way: .removal("gateway/cursor.key"), check: "cursor key",
            state: "ok", finding: "there is none"),
        Plant(
            name: "a changed event",
            way: .sql(
                file: "payments/payments.db",
                "DROP TRIGGER events_stay; UPDATE events SET data = replace(data, '750', '751')"),
            check: "payments log", finding: "do not fit their leaves: payments/1/"),
        Plant(
            name: "a missing event",
            way: .sql(
                file: orders, "DROP TRIGGER events_remain; DELETE FROM events WHERE position = 5"),
            check: "orders log", finding: "missing between 4 and 6"),
        Plant(
            name: "a log that has stopped",
            way: .sql(file: orders, "UPDATE log SET halted = 'it was restored'"),
            check: "orders writes", finding: "it was restored"),
        Plant(
            name: "a parked message",
            way: .sql(
                file: "notifications/notifications.db",
                """
                INSERT INTO parked VALUES ('orders/facts', 3, 'key', 'makes no sense', 1, 's', 'i',
                x'', x'')
                """), check: "notifications inbox", state: "warning",
            finding: "orders/facts are parked; the first: makes no sense"),
        Plant(
            name: "a new epoch",
            way: .sql(file: orders, "INSERT INTO epochs VALUES (2, 7, 1, 'Monday''s backup')"),
            check: "orders log", state: "ok", finding: "Monday's backup"),
        Plant(
            name: "an event from the future",
            way: .sql(
                file: "deliveries/deliveries.db",
                """
                DROP TRIGGER events_stay; UPDATE events SET recorded = 4000000000000000
                WHERE position = (SELECT max(position) FROM events)
                """), check: "clock", finding: "before the newest event of deliveries"),
        Plant(
            name: "no read store", way: .removal("gateway/read.db"), check: "read store",
            state: "warning", finding: "none"),
        Plant(
            name: "a stale read store",
            way: .sql(file: "gateway/read.db", "UPDATE projection SET stale = 'a log is behind'"),
            check: "read store", finding: "a log is behind"),
        Plant(
            name: "a read store of another version",
            way: .sql(file: "gateway/read.db", "PRAGMA user_version = 7"), check: "read store",
            state: "warning", finding: "version 7"),
        Plant(
            name: "a damaged read store",
            way: .bytes(file: "gateway/read.db", at: 0, noise), check: "read store",
            finding: "not a database"),
        Plant(
            name: "a flipped bit in the broker", way: .bytes(file: segment, at: 100, [0xFF, 0x00]),
            check: "broker", state: "warning", finding: "no good record at byte 32"),
        Plant(
            name: "a damaged header in the broker", way: .bytes(file: segment, at: 12, noise),
            check: "broker", state: "warning", finding: "damaged header"),
    ]

    /// A shop that was stopped after an order.
    private func stopped() throws -> Folder {
        let shop = try RunningShop.fresh(as: .single)
        _ = try shop.ended(OrderBody(more: OrderBody.contact))
        try shop.stop()
        // What lies beside a file would hide what is planted in it.
        let logs = EventListings.services.map { shop.folder.log($0) }
        for path in logs + [shop.folder.readStore] {
            _ = try sqlite(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        }
        return shop.folder
    }

    private func plant(_ way: Plant.Way, in data: String) throws {
        let files = FileManager.default
        switch way {
        case .sql(let file, let text): _ = try sqlite("\(data)/\(file)", text)
        case .removal(let file): try files.removeItem(atPath: "\(data)/\(file)")
        case .copy(let from, let to):
            try files.removeItem(atPath: "\(data)/\(to)")
            try files.copyItem(atPath: "\(data)/\(from)", toPath: "\(data)/\(to)")
        case .bytes(let file, let at, let bytes):
            let handle = try #require(FileHandle(forUpdatingAtPath: "\(data)/\(file)"))
            try handle.seek(toOffset: UInt64(at))
            try handle.write(contentsOf: Data(bytes))
            try handle.close()
        }
    }

    /// A port that nobody listens on.
    private let free: HeldPort

    init() throws { free = try HeldPort() }

    private func doctor(_ data: String, port: UInt16? = nil, _ more: String...) throws -> Finished {
        let port = port ?? free.number
        return try Shopctl.run(
            [Shopctl.path, "doctor", "--data", data, "--port", "\(port)"] + more)
    }

    private func checks(_ data: String, port: UInt16? = nil) throws
        -> (code: Int32, checks: [String: JSON])
    {
        let done = try doctor(data, port: port, "--json")
        let json = try JSON(parsing: Array(done.output.utf8))
        #expect((json["healthy"] == .bool(true)) == (done.code == 0), "\(done)")
        let checks = (json["checks"]?.array ?? []).map { ($0["name"]?.string ?? "", $0) }
        // The worst of several about one thing.
        return (
            done.code,
            Dictionary(checks, uniquingKeysWith: { $0["state"]?.string == "ok" ? $1 : $0 })
        )
    }

    @Test func `a sound shop has no problem, running, stopped or killed`() throws {
        let shop = try RunningShop.fresh()
        _ = try shop.ended(OrderBody(more: OrderBody.contact))
        func expectSound(port: UInt16? = nil) throws -> [String: JSON] {
            let (code, checks) = try checks(shop.folder.data, port: port)
            let machine = checks.filter { Self.ofMachine.contains($0.key) }
            #expect(machine.count == Self.ofMachine.count, "\(checks)")
            #expect(code == (count("problem", in: machine) == 0 ? 0 : 1), "\(checks)")
            #expect(
                count("ok", in: checks) == checks.count - machine.count
                    + count("ok", in: machine), "\(checks)")
            return checks
        }
        let running = try expectSound(port: shop.port)
        let found = running["running shop"]?["finding"]?.string ?? ""
        #expect(
            RunningShop.Form.usual == .single
                ? found == "process \(shop.child.process)"
                : found.hasPrefix("processes \(shop.child.process) (shop), "))
        #expect(running["port"]?["finding"]?.string?.contains("a shop answers") == true)
        shop.kill()
        let killed = try expectSound()
        #expect(killed["orders log"]?["finding"]?.string?.contains("not closed cleanly") == true)
        try RunningShop(shop.folder).stop()
        let stopped = try expectSound()
        #expect(stopped["running shop"]?["finding"]?.string == "none")
        let text = try doctor(shop.folder.data)
        let (problems, warnings) = (count("problem", in: stopped), count("warning", in: stopped))
        let sum = "\(problems) problems, \(warnings) warnings"
        #expect(text.code == min(Int32(problems), 1) && text.output.contains(sum), "\(text)")
    }

    /// What speaks of the machine that the tests run on, not of the shop.
    private static let ofMachine: Set = ["disk space", "open files", "gzip"]

    private func count(_ state: String, in checks: [String: JSON]) -> Int {
        checks.values.count { $0["state"]?.string == state }
    }

    @Test(arguments: 0...3) func `planted damage is named, with what to do`(part: Int) throws {
        let folder = try stopped()
        for (index, plant) in Self.plants.enumerated() where index % 4 == part {
            let copy = try Folder()
            try FileManager.default.copyItem(atPath: folder.data, toPath: copy.data)
            try self.plant(plant.way, in: copy.data)
            let (code, checks) = try checks(copy.data)
            let check = checks[plant.check]
            #expect(check?["state"]?.string == plant.state, "\(plant.name): \(checks)")
            let finding = check?["finding"]?.string ?? ""
            #expect(
                plant.finding.isEmpty || finding.contains(plant.finding),
                "\(plant.name): \(finding)")
            #expect(plant.state == "ok" || check?["advice"]?.string != nil, "\(plant.name)")
            #expect(code == (plant.state == "problem" ? 1 : 0), "\(plant.name): \(checks)")
        }
    }

    @Test func `nothing is altered`() throws {
        func contents(_ folder: Folder) throws -> [String: Data] {
            var contents: [String: Data] = [:]
            // SQLite's shared memory holds nothing that is not in the other files.
            let names = FileManager.default.enumerator(atPath: folder.data)?.allObjects ?? []
            for case let name as String in names where !name.hasSuffix("-shm") {
                contents[name] = FileManager.default.contents(atPath: "\(folder.data)/\(name)")
            }
            return contents
        }
        let shop = try RunningShop.fresh()
        _ = try shop.ended()
        shop.kill()
        let killed = try contents(shop.folder)
        #expect(try doctor(shop.folder.data).code == 0)
        #expect(try contents(shop.folder) == killed)
        try RunningShop(shop.folder).stop()
        _ = try sqlite(shop.folder.readStore, "PRAGMA user_version = 7")
        let stopped = try contents(shop.folder)
        #expect(try doctor(shop.folder.data).code == 0)
        #expect(try contents(shop.folder) == stopped)
    }

    @Test func `a folder that cannot hold a shop is named`() throws {
        let folder = try Folder()
        #expect(try checks(folder.data).checks["folder"]?["state"]?.string == "problem")
        #expect(!FileManager.default.fileExists(atPath: folder.data))
        try "x".write(toFile: folder.data, atomically: true, encoding: .utf8)
        let file = try doctor(folder.data)
        #expect(file.code == 1 && file.output.contains("is a file"), "\(file)")
        let open = try Folder()
        mkdir(open.data, 0o777)
        chmod(open.data, 0o777)
        let everybody = try doctor(open.data)
        #expect(everybody.code == 1 && everybody.output.contains("everybody"), "\(everybody)")
    }

    @Test func `who has the port is said`() throws {
        let shop = try RunningShop.fresh()
        let folder = try stopped()
        let (code, other) = try checks(folder.data, port: shop.port)
        #expect(code == 1)
        #expect(other["port"]?["finding"]?.string?.contains("another folder's") == true)
        let (listener, port) = try Self.listen()
        defer { close(listener) }
        let (foreign, checks) = try checks(folder.data, port: port)
        #expect(foreign == 1)
        #expect(checks["port"]?["finding"]?.string?.contains("somebody else") == true)
    }

    /// A socket that listens, and answers nobody.
    private static func listen() throws -> (Int32, UInt16) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard listener >= 0, Glibc.listen(listener, 4) == 0 else { throw Failure("no socket") }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutableBytes(of: &address) { bytes in
            getsockname(
                listener, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
        }
        return (listener, UInt16(bigEndian: address.sin_port))
    }

    @Test func `a machine that lacks something is named`() throws {
        let folder = try stopped()
        let arguments = "doctor --data \(folder.data) --port \(free)"
        let poor = try Shopctl.run(
            ["env", "PATH=/none", Shopctl.path] + arguments.split(separator: " ").map(String.init))
        #expect(poor.code == 0 && poor.output.contains("warning  gzip"), "\(poor)")
        for (limit, code, state) in [(512, 0, "warning"), (100, 1, "problem")]
            as [(Int, Int32, String)]
        {
            let few = try Shopctl.run([
                "sh", "-c", "ulimit -n \(limit); \(Shopctl.path) \(arguments)",
            ])
            #expect(few.code == code && few.output.contains("\(state)  open files"), "\(few)")
        }
        #expect(Doctor.judge(free: 50 << 20) == .problem)
        #expect(Doctor.judge(free: 500 << 20) == .warning)
        #expect(Doctor.judge(free: 2 << 30) == .ok)
        let settings = Doctor.Settings(
            data: folder.data, port: free.number, searchPath: "", runtime: Past())
        let clock = Doctor(settings).checks.first { $0.name == "clock" }
        #expect(clock?.state == .problem && clock?.finding.contains("1970") == true)
    }
}

/// A machine whose clock was never set.
private final class Past: Runtime {
    func now() -> Timestamp { .epoch }
    func random() -> UInt64 { 4 }
}
