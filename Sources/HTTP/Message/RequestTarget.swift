/// A request target in origin, absolute or asterisk form (RFC 9112, 3.2), taken apart.
struct RequestTarget {
    /// As sent: visible ASCII.
    let text: String
    /// Decoded segments: `/v1/orders` is `["v1", "orders"]`, `/` and `*` are `[]`, and `/a/` is
    /// `["a", ""]`. An encoded slash stays inside its segment.
    let path: [String]
    let query: HTTPQuery
    /// The `host:port` of an absolute form, which then replaces the Host field.
    let authority: String?

    /// - Throws: `malformedTarget`; also for `.` and `..`, which no honest client leaves in.
    init(_ bytes: ArraySlice<UInt8>) throws(MessageError) {
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
            throw .malformedTarget("only visible ASCII without '#' is allowed")
        }
        text = String(decoding: bytes, as: UTF8.self)
        guard bytes.count != 1 || bytes.first != UInt8(ascii: "*") else {
            path = []
            query = try HTTPQuery([])
            authority = nil
            return
        }
        var rest = bytes
        authority = try RequestTarget.takeAuthority(&rest)
        let mark = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        path = try RequestTarget.segments(rest[..<mark])
        query = try HTTPQuery(mark == rest.endIndex ? [] : rest[(mark + 1)...])
    }

    private static func takeAuthority(
        _ rest: inout ArraySlice<UInt8>
    ) throws(MessageError) -> String? {
        if rest.first == UInt8(ascii: "/") { return nil }
        let scheme = "http://"
        let length = scheme.utf8.count
        guard ASCII.matches(String(decoding: rest.prefix(length), as: UTF8.self), scheme) else {
            throw .malformedTarget("it has to start with '/' or 'http://'")
        }
        rest = rest.dropFirst(length)
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
        let host = rest[..<(end ?? rest.endIndex)]
        guard !host.isEmpty, isHost(host) else { throw .malformedTarget("its host is invalid") }
        rest = rest[(end ?? rest.endIndex)...]
        return String(decoding: host, as: UTF8.self)
    }

    private static func segments(_ path: ArraySlice<UInt8>) throws(MessageError) -> [String] {
        // Only the absolute form can have no path, and then it means "/".
        if path.count <= 1 { return [] }
        var segments: [String] = []
        var begin = path.startIndex + 1
        while begin <= path.endIndex {
            let end = path[begin...].firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
            let segment = try percentDecoded(path[begin..<end])
            guard !ASCII.same(segment, "."), !ASCII.same(segment, "..") else {
                throw .malformedTarget("'.' and '..' are no segments")
            }
            segments.append(segment)
            begin = end + 1
        }
        return segments
    }

    /// The characters of a host with a port (RFC 3986, 3.2.2); user information is refused.
    static func isHost(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "("),
                UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
                true
            case UInt8(ascii: "#"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"): false
            default: ASCII.isToken(byte)
            }
        }
    }
}
