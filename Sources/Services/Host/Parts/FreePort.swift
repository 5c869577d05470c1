import Net

/// A port that is free now.
package enum FreePort {
    /// - Parameter port: the one that is wanted; 0 for any.
    /// - Returns: nil where the address is none of this machine, or the port is taken.
    package static func find(at address: String, port: UInt16 = 0) -> UInt16? {
        guard let place = Socket.resolve(address, port: port, numeric: true).first else {
            return nil
        }
        return (try? Socket.listen(place, backlog: 1)).map { Socket.localPort($0) }
    }
}
