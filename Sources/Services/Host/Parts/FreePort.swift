import Net

/// A port that is free now.
package enum FreePort {
    /// - Returns: nil where the address is none of this machine.
    package static func find(at address: String) -> UInt16? {
        guard let place = Socket.resolve(address, port: 0, numeric: true).first else { return nil }
        return (try? Socket.listen(place, backlog: 1)).map { Socket.localPort($0) }
    }
}
