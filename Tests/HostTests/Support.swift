import EventSourcing
import Foundation
import Glibc
import Host
import Synchronization
import Testing

/// A generator whose sequence is its seed's (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A clock that stands where it is put, and a random number that is always zero: what waits for a
/// pause of random length does not wait.
final class StandingRuntime: Runtime {
    private let time = Mutex(Timestamp(microseconds: 1_800_000_000_000_000))

    func now() -> Timestamp { time.withLock { $0 } }
    func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
    func random() -> UInt64 { 0 }
}

/// A folder that goes with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/kassa-host-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure("mkdtemp: errno \(errno)") }
        path = String(cString: made)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            Issue.record("\(path) is left behind: \(error)")
        }
    }

    /// The names of the files in it, sorted.
    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}

extension Announcement {
    /// One that says it is up, where a test cares for little else.
    static func sample(
        _ part: ShopPart = .orders, _ instance: String = "a", host: String = "127.0.0.1",
        port: UInt16 = 4000, health: Health = .up, shard: Int = 0, shards: Int = 1,
        startedAt: Timestamp = .epoch
    ) -> Announcement {
        Announcement(
            part: part, instance: instance, host: host, port: port, health: health, shard: shard,
            shards: shards, version: "1.2.3", process: 42, startedAt: startedAt)
    }
}
