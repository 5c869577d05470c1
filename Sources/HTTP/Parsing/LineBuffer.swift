import Glibc

/// Bytes received and not yet parsed, given out as lines or runs.
struct LineBuffer {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Where the search for a line's end goes on: no byte is searched twice, however it arrives.
    private var searched = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ new: some Sequence<UInt8>) {
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            (start, searched) = (0, 0)
        } else if start > 32 * 1024 {
            bytes.removeFirst(start)
            (start, searched) = (0, searched - start)
        }
        bytes.append(contentsOf: new)
    }

    /// The next line without its CR LF, or `nil` where its end has not arrived.
    ///
    /// The line's bytes are not judged, a CR inside included.
    /// - Throws: `tooLong` above `limit` bytes; `bareLineFeed`.
    mutating func line(
        limit: Int, tooLong: MessageError
    ) throws(MessageError) -> ArraySlice<UInt8>? {
        let end = bytes.withUnsafeBufferPointer { buffer -> Int? in
            guard let base = buffer.baseAddress, searched < buffer.count else { return nil }
            let found = memchr(base + searched, Int32(ASCII.lineFeed), buffer.count - searched)
            return found.map { UnsafeRawPointer($0) - UnsafeRawPointer(base) }
        }
        guard let end else {
            searched = bytes.count
            // One more than the limit may be the CR of a line of just that length.
            if count > limit + 1 { throw tooLong }
            return nil
        }
        guard end > start, bytes[end - 1] == ASCII.carriageReturn else {
            throw end - start > limit ? tooLong : .bareLineFeed
        }
        let line = bytes[start..<(end - 1)]
        guard line.count <= limit else { throw tooLong }
        start = end + 1
        searched = start
        return line
    }

    /// Up to `limit` bytes of what is there; empty where nothing is.
    mutating func take(_ limit: Int) -> ArraySlice<UInt8> {
        let run = bytes[start..<(start + min(limit, count))]
        start += run.count
        searched = max(searched, start)
        return run
    }
}
