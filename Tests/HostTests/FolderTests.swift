import Dispatch
import EventSourcing
import Glibc
import Host
import Synchronization
import Testing

@Suite struct KeyFileTests {
    private func load(_ path: String) throws -> [UInt8] {
        try KeyFile.load(path, SystemRuntime(), advice: "delete it")
    }

    @Test func `it is made once, and read from then on`() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/key"
        let key = try load(path)
        #expect(key.count == 32)
        #expect(Set(key).count > 4)
        #expect(try load(path) == key)
        #expect(try load("\(folder.path)/other") != key)
        #expect(try folder.names == ["key", "other"])
    }

    @Test func `only its owner may read it`() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/key"
        _ = try load(path)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o600)
    }

    @Test func `all who make it at the same time end with the same key`() throws {
        let folder = try TemporaryFolder()
        for round in 0..<100 {
            let path = "\(folder.path)/key-\(round)"
            let found = Mutex<[Result<[UInt8], any Error>]>([])
            DispatchQueue.concurrentPerform(iterations: 4) { _ in
                let key = Result { try load(path) }
                found.withLock { $0.append(key) }
            }
            let keys = try found.withLock { $0 }.map { try $0.get() }
            #expect(Set(keys).count == 1)
            #expect(try load(path) == keys.first)
        }
        // No draft is left behind.
        #expect(try folder.names.count == 100)
    }

    @Test(arguments: [0, 1, 31, 33, 1000])
    func `a file that holds something else is refused, and stays`(count: Int) throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/key"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        #expect(write(descriptor, [UInt8](repeating: 1, count: count), count) == count)
        close(descriptor)
        let error = #expect(throws: KeyFile.Failure.self) { try load(path) }
        #expect(
            "\(error, default: "")"
                == "\(path) cannot be used: it does not hold 32 bytes; delete it")
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_size == count)
    }

    @Test func `where it cannot be made the system's reason is given`() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: KeyFile.Failure.self) { try load("\(folder.path)/no/key") }
        #expect("\(error, default: "")".contains("No such file or directory; delete it"))
    }
}

@Suite struct DataFolderTests {
    /// Takes a whole shop's folder without waiting.
    private func whole(_ folder: TemporaryFolder, parts: [ShopPart] = ShopPart.allCases) throws
        -> DataFolder
    {
        try DataFolder(path: folder.path, parts: parts) {}
    }

    private func only(_ part: ShopPart, _ folder: TemporaryFolder) throws -> DataFolder {
        try DataFolder(path: folder.path, only: part) {}
    }

    private func isInUse(_ take: () throws -> DataFolder) -> Bool {
        do {
            _ = try take()
            return false
        } catch DataFolder.Failure.inUse(_, let process) { return process == "\(getpid())" } catch {
            return false
        }
    }

    @Test(arguments: ShopPart.allCases)
    func `while a part runs alone the whole shop does not`(part: ShopPart) throws {
        let folder = try TemporaryFolder()
        do {
            let held = try only(part, folder)
            #expect(isInUse { try whole(folder) })
            withExtendedLifetime(held) {}
        }
        #expect(throws: Never.self) { try whole(folder) }
    }

    @Test(arguments: ShopPart.allCases)
    func `while the whole shop runs no part does alone`(part: ShopPart) throws {
        let folder = try TemporaryFolder()
        do {
            let held = try whole(folder)
            #expect(isInUse { try only(part, folder) })
            withExtendedLifetime(held) {}
        }
        #expect(throws: Never.self) { try only(part, folder) }
    }

    @Test func `different parts go together, and each is there once`() throws {
        let folder = try TemporaryFolder()
        let held = try ShopPart.allCases.map { try only($0, folder) }
        for part in ShopPart.allCases { #expect(isInUse { try only(part, folder) }) }
        withExtendedLifetime(held) {}
    }

    @Test func `who only starts the parts goes with them, and not with another`() throws {
        let folder = try TemporaryFolder()
        let held = try whole(folder, parts: [])
        for part in ShopPart.allCases {
            #expect(throws: Never.self) { try only(part, folder) }
        }
        #expect(isInUse { try whole(folder, parts: []) })
        #expect(isInUse { try whole(folder) })
        withExtendedLifetime(held) {}
    }

    @Test func `a start that comes to nothing holds no part's folder`() throws {
        let folder = try TemporaryFolder()
        let held = try only(.gateway, folder)
        #expect(isInUse { try whole(folder) })
        for part in ShopPart.allCases where part != .gateway {
            #expect(throws: Never.self) { try only(part, folder) }
        }
        withExtendedLifetime(held) {}
    }

    @Test func `a part's start makes its own folder only`() throws {
        let folder = try TemporaryFolder()
        let held = try only(.payments, folder)
        #expect(try folder.names == ["payments"])
        withExtendedLifetime(held) {}
    }
}
