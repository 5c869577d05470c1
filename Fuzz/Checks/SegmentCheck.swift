import EventSourcing
import Foundation
import Messaging
import Synchronization

/// The broker's files, whatever they hold: the good records from the front are delivered, what
/// follows them is cut off or given up with a notice, and the stream goes on.
///
/// Input: a byte whose lower bits say what is made of the rest: 0 the newest segment's bytes, 1 its
/// records with good checksums, 2 damage to files that a broker wrote, 3 the consumers' file.
enum SegmentCheck {
    static func run(_ bytes: [UInt8]) throws(Broken) {
        var input = FuzzInput(bytes)
        let folder = try Folder()
        switch input.byte() & 3 {
        case 0: try checkFile(input.rest(), first: 1, folder)
        case 1:
            let far = input.byte()
            let most: UInt64 = 1 << 62
            let first: UInt64 = far & 1 == 1 ? max(input.number(8) & (most - 1), 1) : 1
            try checkFile(SegmentMaker.file(&input, first: first), first: first, folder)
        case 2: try SegmentDamage.check(&input, folder)
        default: try checkConsumers(&input, folder)
        }
    }

    /// As the newest segment, and then as an older one.
    private static func checkFile(
        _ file: [UInt8], first: UInt64, _ folder: Folder
    ) throws(Broken) {
        let model = SegmentModel(file, first: first)
        try folder.write(file, name(first))
        try inspect(model, file, folder)
        guard !model.isOfAnotherVersion else {
            try expect(folder.open() == nil, "a segment of another version is opened")
            return
        }
        try checkNewest(model, file, first, folder)
        let next = first + UInt64(model.messages.count)
        var newer = FuzzInput([0, 3, 1, 2, 3])
        folder.clear()
        try folder.write(file, name(first))
        try folder.write(SegmentMaker.file(&newer, first: next), name(next))
        // With nothing good in it, both have the same name, and the newer one is whole. Behind the
        // greatest sequence there is no newer one.
        if next > first, next < 1 << 62 { try checkOlder(model, file, folder) }
    }

    private static func inspect(
        _ model: SegmentModel, _ file: [UInt8], _ folder: Folder
    ) throws(Broken) {
        let inspection = SegmentInspection(folder: folder.path, isInUse: false)
        try expect(
            inspection.obstacles.isEmpty != model.isOfAnotherVersion,
            "an inspection finds \(inspection.obstacles)")
        let isWhole = model.hasHeader && model.end == file.count
        try expect(
            inspection.records == model.messages.count
                && (model.isOfAnotherVersion || inspection.damage.isEmpty == isWhole),
            "an inspection finds \(inspection), there are \(model.messages.count) records")
    }

    private static func checkNewest(
        _ model: SegmentModel, _ file: [UInt8], _ first: UInt64, _ folder: Folder
    ) throws(Broken) {
        let count = UInt64(model.messages.count)
        let last = count == 0 ? 0 : first + count - 1
        let more = BrokerMessage(subject: "s", id: "i", headers: [1], payload: [2])
        do {
            guard let (broker, notices) = folder.open() else {
                throw Broken("a damaged segment keeps the broker from opening")
            }
            let state = StreamState(
                first: count == 0 ? 1 : first, last: last, newest: model.messages.last)
            try expect(broker.state == state, "the state is not \(state)")
            try expect(
                notices.isEmpty == (model.hasHeader && count > 0 && model.end == file.count),
                "the notices are \(notices.all)")
            try expect(broker.publish(more, after: last), "nothing can be published any more")
            try expect(
                broker.drain("a").map(\.message) == model.messages + [more],
                "other messages are delivered than there are")
        }
        guard let (broker, notices) = folder.open() else { throw Broken("does not open again") }
        try expect(notices.isEmpty, "what was mended is damaged again: \(notices.all)")
        try expect(
            broker.drain("b").map(\.message) == model.messages + [more] && broker.drain("a") == [],
            "other messages are delivered after the next opening")
    }

    private static func checkOlder(
        _ model: SegmentModel, _ file: [UInt8], _ folder: Folder
    ) throws(Broken) {
        guard let (broker, notices) = folder.open() else { throw Broken("does not open") }
        let got = broker.drain("a").map(\.message)
        let isWhole = model.end == file.count
        try expect(
            got.count == (isWhole ? model.messages.count + 1 : 1)
                && Array(got.dropLast()) == (isWhole ? model.messages : []),
            "an older segment gives \(got.count) messages")
        try expect(notices.isEmpty == isWhole, "the notices are \(notices.all)")
    }

    private static func checkConsumers(
        _ input: inout FuzzInput, _ folder: Folder
    ) throws(Broken) {
        var records = FuzzInput([0, 3, 1, 2, 3, 0, 3, 4, 5, 6])
        try folder.write(SegmentMaker.file(&records, first: 1), name(1))
        let choices = input.byte()
        var file = SegmentMaker.header(0, kind: "KASSAACK")
        if choices & 1 == 1 { file = [] }
        while !input.isEmpty, file.count < 4096 {
            let size = choices & 2 == 2 ? 156 : 16 + input.small()
            var copy = SegmentMaker.little(UInt32(input.small()))
            copy += input.take(size)
            copy += [UInt8](repeating: 0, count: max(156 - copy.count, 0))
            file += SegmentMaker.little(SegmentModel.checksum(copy[..<156])) + copy[..<156]
        }
        try folder.write(file, "consumers")
        for _ in 0..<2 {
            guard let (broker, _) = folder.open() else { return }
            try expect(broker.drain("new \(choices)").count <= 2, "messages come twice")
            try expect(broker.drain("a").count <= 2, "messages come twice")
            try expect(broker.state?.last == 2, "the consumers' file changes the stream")
        }
    }

    static func name(_ first: UInt64) -> String {
        let digits = String(first)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + ".segment"
    }
}

/// A broker's folder with one stream, removed in the end.
final class Folder {
    let path: String
    private var stream: String { "\(path)/s" }

    init() throws(Broken) {
        var name = Array("\(NSTemporaryDirectory())/kassa-fuzz-XXXXXX".utf8CString)
        guard let made = mkdtemp(&name) else { throw Broken("no temporary folder: \(errno)") }
        path = String(cString: made)
        mkdir(stream, 0o700)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func clear() {
        try? FileManager.default.removeItem(atPath: stream)
        mkdir(stream, 0o700)
    }

    /// The stream's files, by name.
    func files() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: stream)) ?? []).sorted()
    }

    func read(_ name: String) -> [UInt8] {
        [UInt8](FileManager.default.contents(atPath: "\(stream)/\(name)") ?? Data())
    }

    func write(_ bytes: [UInt8], _ name: String) throws(Broken) {
        let made = FileManager.default.createFile(
            atPath: "\(stream)/\(name)", contents: Data(bytes))
        try expect(made, "cannot write \(name)")
    }

    /// Nil where the files keep the broker from opening.
    func open(_ settings: SegmentBroker.Settings = .init(cachedBytes: 0)) -> (
        SegmentBroker, Notices
    )? {
        let notices = Notices()
        let broker = try? SegmentBroker(
            folder: path, settings: settings, runtime: StillRuntime(), notices: notices.take)
        return broker.map { ($0, notices) }
    }
}

/// What a broker has said.
final class Notices: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    var isEmpty: Bool { all.isEmpty }
    @Sendable func take(_ text: String) { texts.withLock { $0.append(text) } }
}

/// A clock that stands still.
final class StillRuntime: Runtime {
    func now() -> Timestamp { Timestamp(microseconds: 1_700_000_000_000_000) }
    func random() -> UInt64 { 1 }
}

extension SegmentBroker {
    var state: StreamState? { try? state(of: "s") }

    func publish(_ message: BrokerMessage, after last: UInt64) -> Bool {
        (try? publish([message], to: "s", expectedLast: last)) == last + 1
    }

    /// All that the consumer can get now, acknowledged; at most ten thousand.
    func drain(_ consumer: String) -> [Delivered] {
        let subscription = Subscription(stream: "s", consumer: consumer, filter: "")
        var all: [Delivered] = []
        while all.count < 10_000,
            let got = try? fetch(subscription, limit: 100, wait: .zero), let last = got.last
        {
            all += got
            try? acknowledge(subscription, through: last.sequence)
        }
        return all
    }
}
