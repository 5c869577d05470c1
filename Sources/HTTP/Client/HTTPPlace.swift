/// Where an HTTP server listens.
package struct HTTPPlace: Hashable, Sendable, CustomStringConvertible {
    /// A name or a numeric address, one of IPv6 without brackets.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) { (self.host, self.port) = (host, port) }

    /// `host:port`, as the Host field has it: an address of IPv6 in brackets.
    package var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
