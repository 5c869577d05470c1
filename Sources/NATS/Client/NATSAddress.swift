/// Where a NATS server is, or several of a cluster, and what they have to be shown:
/// `nats://user:password@host:4222,other:4222`.
package struct NATSAddress: Hashable, Sendable, CustomStringConvertible {
    package struct Server: Hashable, Sendable, CustomStringConvertible {
        package let host: String
        package let port: UInt16
        package var description: String {
            host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// At least one, in the order they are tried.
    package let servers: [Server]
    package let token: String?
    package let user: String?
    package let password: String?

    /// Without what must stay secret.
    package var description: String {
        "nats://\(servers.map(\.description).joined(separator: ","))"
    }

    /// What is wrong with a text that should be an address.
    package struct Malformed: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    package static let usualPort: UInt16 = 4222

    package init(_ text: String) throws(Malformed) {
        var rest = Substring(text)
        if let scheme = text.firstRange(of: "://") {
            guard text[..<scheme.lowerBound] == "nats" else {
                throw Malformed(
                    description: "\(text[..<scheme.lowerBound]):// is not spoken here; "
                        + "give nats://HOST:PORT")
            }
            rest = text[scheme.upperBound...]
        }
        var (token, user, password): (String?, String?, String?)
        if let at = rest.lastIndex(of: "@") {
            let login = rest[..<at].split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            rest = rest[rest.index(after: at)...]
            if login.count == 2 {
                (user, password) = (String(login[0]), String(login[1]))
            } else {
                token = String(login[0])
            }
        }
        (self.token, self.user, self.password) = (token, user, password)
        var servers: [Server] = []
        for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
            servers.append(try Self.server(part))
        }
        self.servers = servers
    }

    /// The same servers, shown a token unless the address has a login of its own.
    package func showing(token: String) -> NATSAddress {
        guard self.token == nil, user == nil else { return self }
        return NATSAddress(servers: servers, token: token, user: nil, password: nil)
    }

    private init(servers: [Server], token: String?, user: String?, password: String?) {
        (self.servers, self.token, self.user, self.password) = (servers, token, user, password)
    }

    private static func server(_ text: Substring) throws(Malformed) -> Server {
        var (host, port) = (text, "")
        if text.first == "[", let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else {
                throw Malformed(description: "\"\(text)\" is no host and port")
            }
            port = String(rest.dropFirst())
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = String(text[text.index(after: colon)...])
        }
        guard !host.isEmpty, !host.contains("/") else {
            throw Malformed(description: "\"\(text)\" is no host; give nats://HOST:PORT")
        }
        guard let number = port.isEmpty ? usualPort : UInt16(port), number > 0 else {
            throw Malformed(description: "\"\(port)\" is no port")
        }
        return Server(host: String(host), port: number)
    }
}
