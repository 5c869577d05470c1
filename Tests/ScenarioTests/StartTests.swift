import EventSourcing
import Foundation
import Glibc
import Host
import Synchronization
import Testing

private final class Watch: Sendable {
    let hasLost = Atomic(false)
    let isOver = Atomic(false)
}

/// Where a shop cannot start, and what it says then.
@Suite(.scenarios) struct StartTests {
    private func up(_ folder: Folder, port: String = "0") throws -> Finished {
        try Shopctl.run("up", "--port", port, "--data", folder.data)
    }

    /// Refused, with a message for a person that has all these words.
    private func expectRefusal(_ refused: Finished, _ words: String...) {
        #expect(refused.code == 1, "\(refused)")
        for word in words { #expect(refused.error.contains(word), "\(word) in \(refused.error)") }
        #expect(!refused.error.contains("Error Domain"), "\(refused.error)")
        #expect(!refused.error.contains("NSCocoa"), "\(refused.error)")
        #expect(!refused.error.contains("Fatal"), "\(refused.error)")
        #expect(!refused.error.contains("the feed is unavailable"), "\(refused.error)")
    }

    @Test func `nobody else on the machine may read a shop's folder`() throws {
        let shop = try RunningShop.fresh()
        let data = shop.folder.data
        var status = stat()
        #expect(stat(data, &status) == 0 && status.st_mode & 0o777 == 0o700)
        chmod(data, 0o755)
        let warned = try Shopctl.run("doctor", "--data", data)
        #expect(warned.code == 0 && warned.all.contains("chmod 700 \(data)"), "\(warned)")
        try shop.stop()
    }

    @Test func `what the parts show each other is looked at by the doctor as well`() throws {
        let shop = try RunningShop.fresh()
        try shop.stop()
        try "short".write(toFile: "\(shop.folder.data)/secret", atomically: true, encoding: .utf8)
        let refused = try Shopctl.run("doctor", "--data", shop.folder.data)
        #expect(refused.code == 1 && refused.all.contains("does not hold 32 bytes"), "\(refused)")
    }

    @Test func `closed standard streams are not taken by the shop's files`() throws {
        let folder = try Folder()
        let child = try Child(
            [
                "sh", "-c", "exec \"$0\" \"$@\" <&- >&- 2>&-", Shopctl.path, "up",
                "--single-process", "--port", "0", "--data", folder.data,
            ], output: "\(folder.path)/up")
        try eventually("it runs") {
            FileManager.default.fileExists(atPath: "\(folder.data)/gateway/read.db")
        }
        for descriptor in 0...2 {
            let link = "/proc/\(child.process)/fd/\(descriptor)"
            let file = try FileManager.default.destinationOfSymbolicLink(atPath: link)
            #expect(file == "/dev/null")
        }
        child.kill()
    }

    @Test func `a second shop on the same folder is refused`() throws {
        let shop = try RunningShop.fresh()
        expectRefusal(
            try up(shop.folder), "in use", "process \(shop.child.process)", "--data")
        let epoch = try Shopctl.run(
            "epoch", "open", "--service", "orders", "--why", "x", "--data", shop.folder.data)
        expectRefusal(epoch, "in use")
        #expect(try shop.ended()["status"] == "completed")
        try shop.stop()
        try RunningShop(shop.folder).stop()
    }

    @Test(arguments: [["--single-process"], []])
    func `a port that is taken is said once`(options: [String]) throws {
        let (shop, folder) = (try RunningShop.fresh(), try Folder())
        let refused = try Shopctl.run(
            [Shopctl.path, "up", "--port", "\(shop.port)", "--data", folder.data] + options)
        expectRefusal(refused, "port \(shop.port) is taken", "take another port")
        #expect(refused.error.components(separatedBy: "is taken").count == 2, "\(refused.error)")
        try shop.stop()
    }

    @Test func `a start in vain closes no file of others`() throws {
        let folder = try Folder()
        let held = try DataFolder(path: folder.data)
        let watch = Watch()
        // Opens files all the while, which get the numbers that are free.
        let other = Thread {
            while !watch.isOver.load(ordering: .relaxed) {
                let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
                for _ in 0..<20 where fcntl(file, F_GETFD) < 0 {
                    watch.hasLost.store(true, ordering: .relaxed)
                }
                close(file)
            }
        }
        other.start()
        for _ in 0..<3000 {
            #expect(throws: DataFolder.Failure.self) { _ = try DataFolder(path: held.path) {} }
        }
        watch.isOver.store(true, ordering: .relaxed)
        while !other.isFinished { usleep(1000) }
        let hasLost = watch.hasLost.load(ordering: .relaxed)
        #expect(!hasLost)
    }

    @Test func `a look at the lock does not keep a shop from its folder`() throws {
        let folder = try Folder()
        // As doctor does it.
        func look() throws -> Int32 {
            let descriptor = open("\(folder.data)/lock", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0, flock(descriptor, LOCK_SH | LOCK_NB) == 0 else {
                throw Failure("the lock is not free")
            }
            return descriptor
        }
        _ = try DataFolder(path: folder.data)
        let looking = try look()
        var pauses = 0
        _ = try DataFolder(path: folder.data) {
            pauses += 1
            if pauses == 3 { close(looking) }
        }
        #expect(pauses == 3)
        let staying = try look()
        defer { close(staying) }
        pauses = 0
        #expect(throws: DataFolder.Failure.self) {
            try DataFolder(path: folder.data) { pauses += 1 }
        }
        #expect(pauses == DataFolder.attempts - 1)
    }

    @Test func `stock that is held for less than customers have to pay is warned of`() throws {
        func warns(_ options: String...) throws -> Bool {
            let shop = try RunningShop(try Folder(), options: options)
            try shop.stop()
            return shop.notices.contains("stock is held for less than customers have to pay")
        }
        #expect(try warns("--hold-for", "179"))
        #expect(try !warns("--hold-for", "180"))
        #expect(try !warns("--pay-within", "2"))
    }

    @Test func `a port that is taken is named`() throws {
        let shop = try RunningShop.fresh()
        let port = shop.url.split(separator: ":").last.map { String($0) } ?? ""
        let folder = try Folder()
        expectRefusal(try up(folder, port: port), port, "taken", "take another port")
        #expect(!FileManager.default.fileExists(atPath: folder.data))
        let deep = try Shopctl.run(
            "up", "--port", port, "--data", "\(folder.path)/not/there/yet")
        expectRefusal(deep, port, "taken")
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/not"))
        #expect(try shop.ended()["status"] == "completed")
    }

    @Test func `an address that is not this machine's is named`() throws {
        let folder = try Folder()
        for address in ["192.0.2.1", "nowhere.invalid", "1.2.3"] {
            let refused = try Shopctl.run(
                "up", "--port", "0", "--address", address, "--data", folder.data)
            expectRefusal(refused, address)
        }
    }

    @Test func `a folder that is a file is named`() throws {
        let folder = try Folder()
        #expect(FileManager.default.createFile(atPath: folder.data, contents: Data()))
        expectRefusal(try up(folder), folder.data, "cannot be used", "not a folder", "--data")
    }

    @Test func `a folder that may not be written is named`() throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(
            atPath: folder.data, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o555])
        chmod(folder.path, 0o755)
        var command = [Shopctl.path, "up", "--port", "0", "--data", folder.data]
        // The superuser may write anywhere.
        if geteuid() == 0 {
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + command
        }
        expectRefusal(
            try Shopctl.run(command), folder.data, "cannot be used", "ermission", "--data")
    }

    @Test func `a cursor outlives a restart, and the key that sealed it is its owner's alone`()
        throws
    {
        let shop = try RunningShop.fresh()
        for _ in 0..<3 { _ = try shop.ended() }
        let first = try shop.get("/v1/orders?limit=1")
        let key = "\(shop.folder.data)/gateway/cursor.key"
        let attributes = try FileManager.default.attributesOfItem(atPath: key)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(attributes[.size] as? Int == 32)
        try shop.stop()
        let again = try RunningShop(shop.folder)
        let rest = try again.read("/v1/orders?cursor=\(first["next"])", seeing: first)
        #expect(rest.status == 200 && rest.json["orders"]?.array?.count == 2, "\(rest)")
        try again.stop()
        #expect(FileManager.default.createFile(atPath: key, contents: Data("short".utf8)))
        expectRefusal(try up(shop.folder), key, "32 bytes", "delete it")
    }

    @Test(arguments: ["orders", "payments", "deliveries", "notifications"])
    func `a log that this build cannot read is named and left alone`(service: String) throws {
        let shop = try RunningShop.fresh()
        _ = try shop.ended()
        try shop.stop()
        let path = shop.folder.log(service)
        let good = FileManager.default.contents(atPath: path)
        _ = try sqlite(path, "PRAGMA user_version = 99")
        expectRefusal(try up(shop.folder), path, "format 99", "newer build")
        _ = try sqlite(path, "PRAGMA user_version = 2; UPDATE log SET name = 'other'")
        expectRefusal(try up(shop.folder), path, "it is the log other")
        let garbage = Data("this is no database, it only looks like a file\n".utf8)
        for bytes in [garbage, garbage + Data(repeating: 0x5A, count: 100_000)] {
            #expect(FileManager.default.createFile(atPath: path, contents: bytes))
            expectRefusal(try up(shop.folder), path, "restore a backup")
            #expect(FileManager.default.contents(atPath: path) == bytes)
        }
        #expect(FileManager.default.createFile(atPath: path, contents: good))
        let again = try RunningShop(shop.folder)
        #expect(try again.ended()["status"] == "completed")
    }

    @Test func `a log cut short is not taken for a shorter one`() throws {
        let shop = try RunningShop.fresh()
        for _ in 0..<10 { _ = try shop.ended() }
        try shop.stop()
        let path = shop.folder.log("orders")
        let bytes = FileManager.default.contents(atPath: path) ?? Data()
        #expect(
            FileManager.default.createFile(atPath: path, contents: bytes.prefix(bytes.count / 2)))
        expectRefusal(try up(shop.folder), path, "restore a backup")
    }
}
