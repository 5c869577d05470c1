import Foundation
import Messaging
import Synchronization

/// A folder that is removed with the test.
final class Folder: Sendable {
    let path: String

    init() throws {
        var name = Array("\(NSTemporaryDirectory())/kassa-streams-XXXXXX".utf8CString)
        guard let made = mkdtemp(&name) else { throw CocoaError(.fileWriteUnknown) }
        path = String(cString: made)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A copy of everything in it, as a process finds it that starts after another was killed.
    func copy() throws -> Folder {
        let copy = try Folder()
        try FileManager.default.removeItem(atPath: copy.path)
        try FileManager.default.copyItem(atPath: path, toPath: copy.path)
        return copy
    }

    /// The files in it and in its folders, by their paths from here, that end so.
    func files(_ ending: String = "") -> [String] {
        let all = FileManager.default.enumerator(atPath: path)
        var found: [String] = []
        while let name = all?.nextObject() as? String {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
            if !isFolder.boolValue, name.hasSuffix(ending) { found.append(name) }
        }
        return found.sorted()
    }

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
    }

    func write(_ bytes: some Sequence<UInt8>, _ name: String) throws {
        // A new file: ext4 flushes one that is truncated and written again.
        let file = "\(path)/\(name)"
        if FileManager.default.fileExists(atPath: file) {
            try FileManager.default.removeItem(atPath: file)
        }
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }
}

/// What a broker has said.
final class Notices: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    @Sendable func take(_ text: String) { texts.withLock { $0.append(text) } }
}

/// Refuses one call, after so many others.
final class Disk: Sendable {
    private let state = Mutex<(after: Int?, hasFailed: Bool)>((nil, false))

    func fail(after others: Int) { state.withLock { $0.after = others } }
    func mend() { state.withLock { $0.after = nil } }
    /// Whether the call that was to fail has come.
    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    /// - Parameter mostWritten: bytes after which a write is cut, so that it may fail in its midst.
    func disk(mostWritten: Int = .max) -> BrokerDisk {
        BrokerDisk(mostWritten: mostWritten) { [self] _ in
            state.withLock { state in
                guard let after = state.after else { return nil }
                state.after = after > 0 ? after - 1 : nil
                guard after == 0 else { return nil }
                state.hasFailed = true
                return ENOSPC
            }
        }
    }
}

/// The same numbers on every run (an LCG, Knuth's constants).
struct Numbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 32 | state << 32
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
