import EventSourcing
import Foundation
import Messaging
import Simulation
import Synchronization
import TestKit

/// A folder that is removed with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var name = Array("\(NSTemporaryDirectory())/kassa-broker-XXXXXX".utf8CString)
        guard let made = mkdtemp(&name) else { throw CocoaError(.fileWriteUnknown) }
        path = String(cString: made)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A copy of everything in it, as a process finds it that starts after another was killed.
    func copy() throws -> TemporaryFolder {
        let copy = try TemporaryFolder()
        try FileManager.default.removeItem(atPath: copy.path)
        try FileManager.default.copyItem(atPath: path, toPath: copy.path)
        return copy
    }

    func names(_ stream: String = "orders") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(stream)")) ?? []).sorted()
    }

    func segments(_ stream: String = "orders") -> [String] {
        names(stream).filter { $0.hasSuffix(".segment") }.map { "\(path)/\(stream)/\($0)" }
    }

    func open(
        _ settings: SegmentBroker.Settings = SegmentBroker.Settings(),
        runtime: any Runtime = SteppedRuntime(), notices: Notices = Notices()
    ) throws -> SegmentBroker {
        try SegmentBroker(
            folder: path, settings: settings, runtime: runtime, notices: notices.take)
    }
}

/// What a broker has said.
final class Notices: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    @Sendable func take(_ text: String) { texts.withLock { $0.append(text) } }
}

let payments = Subscription(stream: "orders", consumer: "payments", filter: "")

func message(_ number: Int, size: Int = 20) -> BrokerMessage {
    BrokerMessage(
        subject: "kassa.orders.facts", id: "orders/1/\(number)", headers: [1, 2, 3],
        payload: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size))
}

func messages(_ numbers: ClosedRange<Int>, size: Int = 20) -> [BrokerMessage] {
    numbers.map { message($0, size: size) }
}

func sequences(_ deliveries: [Delivered]) -> [Int] { deliveries.map { Int($0.sequence) } }

/// All that the consumer can get now.
func drain(_ broker: any Broker, _ subscription: Subscription = payments) throws -> [Delivered] {
    var all: [Delivered] = []
    while case let got = try broker.fetch(subscription, limit: 100, wait: .zero), !got.isEmpty {
        all += got
        try broker.acknowledge(subscription, through: got.last?.sequence ?? 0)
    }
    return all
}

func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

func write(_ bytes: [UInt8], _ path: String) throws {
    // A new file: ext4 flushes one that is truncated and written again, and that takes
    // milliseconds.
    if FileManager.default.fileExists(atPath: path) {
        try FileManager.default.removeItem(atPath: path)
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}
