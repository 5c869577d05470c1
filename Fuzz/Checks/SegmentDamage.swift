import Messaging

/// Damage to what a broker wrote: one burst of at most four bytes, which a CRC-32 always finds, and
/// a file cut off. No wrong message is delivered, and none goes missing without a notice.
enum SegmentDamage {
    private static let settings = SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 0)
    private static let count = 24

    /// The files of a stream of three segments, by name.
    private static let originals: [(name: String, bytes: [UInt8])] = {
        guard let folder = try? Folder(), let (broker, _) = folder.open(settings) else {
            return []
        }
        for number in 1...count {
            _ = broker.publish(message(number), after: UInt64(number - 1))
        }
        let consumer = Subscription(stream: "s", consumer: "a", filter: "")
        _ = try? broker.fetch(consumer, limit: 2, wait: .zero)
        try? broker.acknowledge(consumer, through: 2)
        return folder.files().map { ($0, folder.read($0)) }
    }()

    private static func message(_ number: Int) -> BrokerMessage {
        BrokerMessage(
            subject: "kassa.s.facts", id: "s/1/\(number)", headers: [1, 2, 3],
            payload: [UInt8](repeating: UInt8(number), count: number))
    }

    static func check(_ input: inout FuzzInput, _ folder: Folder) throws(Broken) {
        try expect(originals.count >= 3, "the files to be damaged could not be made")
        let chosen = originals[input.small() % originals.count]
        var bytes = chosen.bytes
        let at = Int(input.number(2)) % bytes.count
        for place in at..<min(at + 4, bytes.count) { bytes[place] ^= input.byte() }
        let cut = Int(input.number(2))
        if cut > 0 { bytes.removeLast(min(cut, bytes.count)) }
        for (name, original) in originals {
            try folder.write(name == chosen.name ? bytes : original, name)
        }
        guard let (broker, notices) = folder.open(settings) else {
            throw Broken("damage at byte \(at) of \(chosen.name) keeps the broker from opening")
        }
        let got = broker.drain("new")
        for (place, delivered) in got.enumerated() {
            try expect(
                delivered.message == message(Int(delivered.sequence))
                    && (place == 0 || delivered.sequence > got[place - 1].sequence),
                "sequence \(delivered.sequence) is another message, or comes late")
        }
        let isDamaged = bytes != chosen.bytes
        let isSegment = chosen.name.hasSuffix(".segment")
        // A file cut off between two records looks as if the rest was never written.
        try expect(
            !isDamaged || !isSegment || (got.count < count && (cut > 0 || !notices.isEmpty)),
            "damage at byte \(at) of \(chosen.name) is not found")
        try expect(isDamaged && isSegment || got.count == count, "messages are missing")
        try expect(
            broker.drain("a").allSatisfy { $0.message == message(Int($0.sequence)) },
            "a wrong message is delivered")
    }
}
