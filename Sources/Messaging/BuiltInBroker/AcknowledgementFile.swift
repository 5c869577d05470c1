import EventSourcing
import Glibc

/// The acknowledged floors of a stream's consumers, in one small file of fixed places. One thread
/// at a time.
///
/// After the header (see `SegmentFormat`) each consumer has two copies of 160 bytes, written in
/// turn, so that one is whole whatever happens to the other:
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 4 | CRC-32C of the 156 bytes after it |
/// | 4 | 4 | bytes of the consumer's name |
/// | 8 | 8 | how often this consumer was written, from 1; the greater of two good copies counts |
/// | 16 | 8 | the sequence through which all is acknowledged |
/// | 24 | 136 | the name, then zeros |
struct AcknowledgementFile: Sendable {
    private struct Place: Sendable {
        let number: Int
        var writes: UInt64
    }

    private static let copySize = 160
    private static let nameAt = 24

    private let path: String
    private let disk: BrokerDisk
    private var file: BrokerFile?
    private var places: [String: Place] = [:]
    private var placeCount = 0

    private init(path: String, disk: BrokerDisk) { (self.path, self.disk) = (path, disk) }

    /// The file, which need not be there, and the floors it holds. What is damaged is forgotten
    /// with a notice.
    /// - Throws: `unavailable` for another version, or a file that cannot be read for now.
    static func open(
        _ path: String, on disk: BrokerDisk, notices: inout [String]
    ) throws(BrokerError) -> (AcknowledgementFile, floors: [String: UInt64]) {
        var result = AcknowledgementFile(path: path, disk: disk)
        var floors: [String: UInt64] = [:]
        do {
            let file = try disk.open(path, flags: O_RDWR)
            guard try BrokerFileHeader.read(.acknowledgements, from: file) != nil else {
                notices.append("\(path) has a damaged header; its consumers begin anew")
                return (result, [:])
            }
            let pair = 2 * copySize
            let bytes = try file.read(
                at: SegmentFormat.headerSize, count: BrokerRules.maximumConsumers * pair)
            result.file = file
            result.placeCount = bytes.count / pair
            for number in 0..<result.placeCount {
                let copies = [number * pair, number * pair + copySize].compactMap {
                    Copy(Array(bytes[$0..<$0 + copySize]))
                }
                guard let newest = copies.max(by: { $0.writes < $1.writes }) else {
                    notices.append("\(path) has a damaged place; its consumer begins anew")
                    continue
                }
                result.places[newest.name] = Place(number: number, writes: newest.writes)
                floors[newest.name] = newest.floor
            }
        } catch let error as FileError {
            if error.code == ENOENT { return (result, [:]) }
            throw error.unavailable
        } catch let error as BrokerError {
            throw error
        } catch {
            throw .unavailable("\(error)")
        }
        return (result, floors)
    }

    /// Records the consumer's floor, with one write.
    /// - Throws: what the system refuses; the floor before or this one is then recorded.
    mutating func store(_ floor: UInt64, of consumer: String, at now: Timestamp) throws(FileError) {
        let file = try opened(at: now)
        var place = places[consumer] ?? Place(number: freePlace(), writes: 0)
        place.writes &+= 1
        let copy = Copy(name: consumer, writes: place.writes, floor: floor)
        var bytes = copy.bytes
        var offset = SegmentFormat.headerSize + place.number * 2 * Self.copySize
        if place.writes == 1 {
            bytes += [UInt8](repeating: 0, count: Self.copySize)
        } else if place.writes % 2 == 0 {
            offset += Self.copySize
        }
        try file.write(bytes, at: offset)
        places[consumer] = place
        placeCount = max(placeCount, place.number + 1)
    }

    /// A new place, or one that was found damaged when the file is full.
    private func freePlace() -> Int {
        guard placeCount >= BrokerRules.maximumConsumers else { return placeCount }
        let taken = Set(places.values.map(\.number))
        return (0..<placeCount).first { !taken.contains($0) } ?? placeCount
    }

    private mutating func opened(at now: Timestamp) throws(FileError) -> BrokerFile {
        if let file { return file }
        let file = try disk.open(path, flags: O_RDWR | O_CREAT | O_TRUNC)
        let header = BrokerFileHeader(kind: .acknowledgements, first: 0, created: now)
        try file.write(header.bytes, at: 0)
        self.file = file
        return file
    }

    private struct Copy {
        let name: String
        let writes: UInt64
        let floor: UInt64

        init(name: String, writes: UInt64, floor: UInt64) {
            self.name = name
            self.writes = writes
            self.floor = floor
        }

        /// Nil unless the bytes are a whole copy.
        init?(_ bytes: [UInt8]) {
            guard let checksum = bytes.integer(at: 0, as: UInt32.self),
                checksum == CRC32C.checksum(bytes, 4..<bytes.count),
                let length = bytes.integer(at: 4, as: UInt32.self),
                let writes = bytes.integer(at: 8, as: UInt64.self), writes > 0,
                let floor = bytes.integer(at: 16, as: UInt64.self),
                length <= UInt32(bytes.count - nameAt)
            else { return nil }
            name = String(decoding: bytes[nameAt..<nameAt + Int(length)], as: UTF8.self)
            self.writes = writes
            self.floor = floor
        }

        var bytes: [UInt8] {
            var body: [UInt8] = []
            body.append(littleEndian: UInt32(truncatingIfNeeded: name.utf8.count))
            body.append(littleEndian: writes)
            body.append(littleEndian: floor)
            body.append(contentsOf: name.utf8)
            body.append(contentsOf: repeatElement(0, count: max(copySize - 4 - body.count, 0)))
            var bytes: [UInt8] = []
            bytes.append(littleEndian: CRC32C.checksum(body, 0..<body.count))
            return bytes + body
        }
    }
}
