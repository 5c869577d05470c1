/// A pattern with wildcards, ready to be compared with many subjects.
package struct SubjectPattern: Sendable, Hashable {
    private let bytes: [UInt8]

    /// - Parameter pattern: see `Subject.isPattern`.
    package init(_ pattern: String) { bytes = Array(pattern.utf8) }

    package func matches(_ subject: String) -> Bool {
        var subject = subject
        return subject.withUTF8(matches)
    }

    private func matches(_ subject: UnsafeBufferPointer<UInt8>) -> Bool {
        var (at, place) = (0, 0)
        while at < bytes.count {
            let isToken = at == 0 || bytes[at - 1] == Subject.dot
            let isLast = at + 1 == bytes.count
            if isToken, isLast, bytes[at] == UInt8(ascii: ">") { return place < subject.count }
            if isToken, bytes[at] == UInt8(ascii: "*"), isLast || bytes[at + 1] == Subject.dot {
                let start = place
                while place < subject.count, subject[place] != Subject.dot { place += 1 }
                guard place > start else { return false }
                at += 1
                continue
            }
            guard place < subject.count, subject[place] == bytes[at] else { return false }
            place += 1
            at += 1
        }
        return place == subject.count
    }
}
