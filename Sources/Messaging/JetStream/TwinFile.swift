import Glibc

/// Bytes that are replaced whole, and a tail of records after them, on two files in turn: one of
/// them is whole whenever the process is killed.
///
/// A file begins with 32 bytes: `KASSATWN`, the format's version (4, little-endian as all), how
/// many bytes follow that belong together (4), how often the two were written (8), CRC-32C of
/// those bytes (4), CRC-32C of the 28 before it (4). Then the bytes, then the tail.
struct TwinFile {
    private static let magic = "KASSATWN"
    private static let version: UInt32 = 1
    private static let headSize = 32
    /// Bytes of a file that are looked at.
    private static let most = 256 * 1024 * 1024

    private let path: String
    private let disk: BrokerDisk
    private var generation: UInt64 = 0
    private var file: BrokerFile?
    /// Where the tail ends.
    private(set) var end = 0

    private init(_ path: String, _ disk: BrokerDisk) { (self.path, self.disk) = (path, disk) }

    /// The newest whole one of the two; nothing where there is none.
    static func open(
        _ path: String, on disk: BrokerDisk, _ notices: (String) -> Void
    ) throws(FileError)
        -> (TwinFile, bytes: [UInt8], tail: [UInt8])?
    {
        var twin = TwinFile(path, disk)
        var newest: (bytes: [UInt8], tail: [UInt8])?
        for side in [".a", ".b"] {
            let file: BrokerFile
            do throws(FileError) { file = try disk.open(path + side, flags: O_RDWR) } catch {
                if error.code == ENOENT { continue }
                throw error
            }
            let size = min(try file.size(), most)
            let all = try file.read(at: 0, count: size)
            guard let (generation, length) = try head(of: all, path + side) else {
                // One that was being made when the process ended has no bytes.
                if !all.isEmpty { notices("\(path + side) is damaged; the one before it counts") }
                continue
            }
            guard generation > twin.generation else { continue }
            (twin.generation, twin.file, twin.end) = (generation, file, all.count)
            newest = (
                Array(all[headSize..<headSize + length]), Array(all[(headSize + length)...])
            )
        }
        return newest.map { (twin, $0.bytes, $0.tail) }
    }

    /// Makes a pair with its first bytes.
    static func create(_ path: String, on disk: BrokerDisk, _ bytes: [UInt8]) throws(FileError)
        -> TwinFile
    {
        var twin = TwinFile(path, disk)
        for side in [".a", ".b"] { try disk.remove(path + side) }
        try twin.replace(bytes)
        return twin
    }

    /// Replaces all, the tail as well.
    mutating func replace(_ bytes: [UInt8]) throws(FileError) {
        let next = generation + 1
        let target = try disk.open(
            path + (next % 2 == 1 ? ".a" : ".b"), flags: O_RDWR | O_CREAT | O_TRUNC)
        var all = Array(Self.magic.utf8)
        all.append(littleEndian: Self.version)
        all.append(littleEndian: UInt32(truncatingIfNeeded: bytes.count))
        all.append(littleEndian: next)
        all.append(littleEndian: CRC32C.checksum(bytes, 0..<bytes.count))
        all.append(littleEndian: CRC32C.checksum(all, 0..<all.count))
        all += bytes
        try target.write(all, at: 0)
        (generation, file, end) = (next, target, all.count)
    }

    /// Adds to the tail.
    mutating func append(_ bytes: [UInt8]) throws(FileError) {
        guard let file else { return }
        try file.write(bytes, at: end)
        end += bytes.count
    }

    /// Cuts the tail off after so many bytes of it that are good.
    mutating func keep(tail: Int, of whole: Int) throws(FileError) {
        guard tail < whole, let file else { return }
        end -= whole - tail
        try file.truncate(to: end)
    }

    func remove() throws(FileError) {
        // The older one first: it must not be taken for the newest.
        let sides = generation % 2 == 1 ? [".b", ".a"] : [".a", ".b"]
        for side in sides { try disk.remove(path + side) }
    }

    private static func head(of all: [UInt8], _ path: String) throws(FileError)
        -> (generation: UInt64, length: Int)?
    {
        guard all.count >= headSize, all.starts(with: magic.utf8),
            all.integer(at: 28, as: UInt32.self) == CRC32C.checksum(all, 0..<28)
        else { return nil }
        guard all.integer(at: 8, as: UInt32.self) == version else {
            throw FileError(
                operation: "another build's format is in", path: path, code: EPROTONOSUPPORT)
        }
        guard let length = all.integer(at: 12, as: UInt32.self),
            let generation = all.integer(at: 16, as: UInt64.self),
            Int(length) <= all.count - headSize,
            all.integer(at: 24, as: UInt32.self)
                == CRC32C.checksum(all, headSize..<headSize + Int(length))
        else { return nil }
        return (generation, Int(length))
    }
}
