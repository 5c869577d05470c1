import Glibc

/// A look at the built-in broker's files that changes nothing of them: every record's checksum.
package struct SegmentInspection: Sendable {
    package private(set) var segments = 0
    package private(set) var records: Int64 = 0
    package private(set) var bytes: Int64 = 0
    /// What is damaged, a sentence each. The broker gives it up, and its readers take what is
    /// missing from the logs.
    package private(set) var damage: [String] = []
    /// Why the broker could not be opened at all, a sentence each.
    package private(set) var obstacles: [String] = []

    /// - Parameter isInUse: whether a broker may be writing: the end of a newest segment is then
    ///   as far as it had come.
    package init(folder: String, isInUse: Bool) {
        do {
            for stream in try BrokerDisk.real.names(in: folder).filter(BrokerRules.isName) {
                let names = try BrokerDisk.real.names(in: "\(folder)/\(stream)")
                let segments = names.filter { SegmentLog.sequence(ofName: $0) != nil }
                for name in segments {
                    try inspect(
                        "\(folder)/\(stream)/\(name)", first: SegmentLog.sequence(ofName: name),
                        isGrowing: isInUse && name == segments.last)
                }
            }
        } catch { note(error) }
    }

    private mutating func inspect(_ path: String, first: UInt64?, isGrowing: Bool) throws {
        do {
            let file = try BrokerDisk.real.open(path, flags: O_RDONLY)
            let size = try file.size()
            segments += 1
            bytes += Int64(size)
            guard let header = try BrokerFileHeader.read(.segment, from: file),
                header.first == first
            else {
                if !isGrowing { damage.append("\(path) has a damaged header") }
                return
            }
            var reader = RecordReader(
                file, from: SegmentFormat.headerSize, sequence: header.first, end: size)
            while true {
                switch try reader.next() {
                case .record: records += 1
                case .end: return
                case .damaged:
                    if !isGrowing {
                        damage.append(
                            "\(path) has no good record at byte \(reader.offset) of \(size)")
                    }
                    return
                }
            }
        } catch let error as FileError where error.code == ENOENT {
            // Removed since the folder was listed: the broker keeps so much and no more.
        }
    }

    private mutating func note(_ error: any Error) {
        switch error {
        case let error as FileError:
            let reason = String(cString: strerror(error.code))
            obstacles.append("\(error.operation) \(error.path): \(reason)")
        case BrokerError.unavailable(let why): obstacles.append(why)
        default: obstacles.append("\(error)")
        }
    }
}
