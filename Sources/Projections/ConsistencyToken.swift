package import EventSourcing
import EventStore

/// How much of each log somebody has seen, as an opaque text: what answers carry, and reads that
/// must see it show.
package struct ConsistencyToken: Hashable, Sendable, CustomStringConvertible {
    /// The most logs in one token.
    package static let maximumLogs = 16
    private static let version: UInt8 = 1
    private static let checksumBytes = 4

    /// Sorted by log, each log once, none at the start.
    package private(set) var marks: [(log: LogName, mark: Mark)] = []

    package init() {}

    package init(_ identity: EventIdentity) {
        merge(identity.log, Mark(epoch: identity.epoch, position: identity.position))
    }

    /// Takes over what the other has seen more of.
    package mutating func merge(_ other: ConsistencyToken) {
        for (log, mark) in other.marks { merge(log, mark) }
    }

    package mutating func merge(_ log: LogName, _ mark: Mark) {
        guard Self.isName(Array(log.value.utf8)), mark.epoch.value > 0, mark.position > .start
        else { return }
        guard let at = marks.firstIndex(where: { $0.log >= log }) else {
            if marks.count < Self.maximumLogs { marks.append((log, mark)) }
            return
        }
        if marks[at].log == log {
            if !marks[at].mark.covers(mark) { marks[at].mark = mark }
        } else if marks.count < Self.maximumLogs {
            marks.insert((log, mark), at: at)
        }
    }

    /// base64url of: version, then for each log its name's length, name, epoch and position, then a
    /// checksum.
    package var description: String {
        var bytes: [UInt8] = [Self.version]
        for (log, mark) in marks {
            bytes.append(UInt8(truncatingIfNeeded: log.value.utf8.count))
            bytes.append(contentsOf: log.value.utf8)
            for value in [mark.epoch.value, mark.position.value] {
                withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return Base64URL.encode(bytes + Self.checksum(bytes))
    }

    /// Reads what `description` writes; nil for anything else. A checksum tells slips, and is no
    /// seal.
    package init?(_ text: String) {
        guard text.utf8.count <= 1400, let bytes = Base64URL.decode(text.utf8),
            bytes.count > Self.checksumBytes, bytes[0] == Self.version
        else { return nil }
        let content = bytes.dropLast(Self.checksumBytes)
        guard Self.checksum(content).elementsEqual(bytes.suffix(Self.checksumBytes)) else {
            return nil
        }
        var rest = content.dropFirst()
        while let length = rest.popFirst().map(Int.init) {
            guard rest.count >= length + 16 else { return nil }
            let name = rest.prefix(length)
            guard Self.isName(Array(name)) else { return nil }
            let log = LogName(String(decoding: name, as: UTF8.self))
            rest.removeFirst(length)
            let epoch = Self.integer(rest.prefix(8))
            let position = Self.integer(rest.dropFirst(8).prefix(8))
            rest.removeFirst(16)
            guard epoch > 0, position > 0, marks.last.map({ $0.log < log }) ?? true,
                marks.count < Self.maximumLogs
            else { return nil }
            marks.append((log, Mark(epoch: Epoch(epoch), position: Position(position))))
        }
    }

    private static func integer(_ bytes: some Sequence<UInt8>) -> Int64 {
        Int64(bitPattern: bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) })
    }

    private static func checksum(_ bytes: some Collection<UInt8>) -> [UInt8] {
        Array(SHA256.hash(bytes).bytes.prefix(checksumBytes))
    }

    private static func isName(_ bytes: [UInt8]) -> Bool {
        (1...40).contains(bytes.count)
            && bytes.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2E
                    || $0 == 0x2D
            }
    }

    package static func == (a: ConsistencyToken, b: ConsistencyToken) -> Bool {
        a.marks.elementsEqual(b.marks) { $0 == $1 }
    }

    package func hash(into hasher: inout Hasher) {
        for (log, mark) in marks {
            hasher.combine(log)
            hasher.combine(mark)
        }
    }
}

extension Mark {
    /// Whether whoever is here has seen what is at `other`. A newer epoch has: what it left out is
    /// orphaned.
    package func covers(_ other: Mark) -> Bool {
        (epoch.value, position.value) >= (other.epoch.value, other.position.value)
    }
}
