package import HTTP

/// Where a collector takes traces: `http://HOST[:PORT][/PATH]`.
package struct CollectorURL: Hashable, Sendable, CustomStringConvertible {
    package let place: HTTPPlace
    /// With its leading slash.
    package let path: String

    package static let usualPath = "/v1/traces"

    package enum Malformed: Error, Hashable, CustomStringConvertible {
        case because(String)

        package var description: String {
            switch self {
            case .because(let why): why
            }
        }
    }

    package init(place: HTTPPlace, path: String = CollectorURL.usualPath) {
        (self.place, self.path) = (place, path)
    }

    /// - Parameter path: what a URL without a path means.
    /// - Throws: what is wrong with the text.
    package init(_ text: String, path: String = CollectorURL.usualPath) throws(Malformed) {
        let bytes = Array(text.utf8)
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .because("it has other characters than a URL has")
        }
        if bytes.starts(with: "https://".utf8) {
            throw .because("https is not spoken here; put a collector beside the shop")
        }
        guard bytes.starts(with: "http://".utf8) else {
            throw .because("it does not begin with http://")
        }
        let rest = bytes[7...]
        let slash = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
        place = try Self.place(rest[..<(slash ?? rest.endIndex)])
        let tail = slash.map { String(decoding: rest[$0...], as: UTF8.self) } ?? ""
        self.path = tail.isEmpty || tail.utf8.elementsEqual("/".utf8) ? path : tail
        guard !self.path.utf8.contains(where: { $0 == UInt8(ascii: "#") }),
            (try? HTTPRequest(.post, self.path)) != nil
        else { throw .because("its path is none") }
    }

    /// A host is a name, an address, or an address of IPv6 in brackets.
    private static func place(_ authority: ArraySlice<UInt8>) throws(Malformed) -> HTTPPlace {
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw .because("names and passwords are not shown to collectors")
        }
        var (host, port) = (authority, ArraySlice<UInt8>())
        if authority.first == UInt8(ascii: "[") {
            guard let end = authority.firstIndex(of: UInt8(ascii: "]")) else {
                throw .because("its address has no closing bracket")
            }
            host = authority[(authority.startIndex + 1)..<end]
            port = authority[(end + 1)...]
            guard port.isEmpty || port.first == UInt8(ascii: ":") else {
                throw .because("its port is none")
            }
            guard host.contains(UInt8(ascii: ":")) else {
                throw .because("what stands in brackets is no address of IPv6")
            }
        } else if let colon = authority.firstIndex(of: UInt8(ascii: ":")) {
            (host, port) = (authority[..<colon], authority[colon...])
        }
        guard !host.isEmpty else { throw .because("it names no host") }
        let name = String(decoding: host, as: UTF8.self)
        guard !port.isEmpty else { return HTTPPlace(host: name, port: 80) }
        guard let number = UInt16(digits: port.dropFirst()), number > 0 else {
            throw .because("its port is not 1 to 65535")
        }
        return HTTPPlace(host: name, port: number)
    }

    package var description: String { "http://\(place)\(path)" }
}

extension UInt16 {
    /// Digits alone.
    fileprivate init?(digits: some Collection<UInt8>) {
        guard (1...5).contains(digits.count) else { return nil }
        var number = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            number = number * 10 + Int(digit - 0x30)
        }
        self.init(exactly: number)
    }
}
