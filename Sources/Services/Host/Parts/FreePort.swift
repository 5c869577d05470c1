import Net

/// A port that is free now.
package enum FreePort {
    /// Whether somebody could listen there.
    package static func isFree(_ port: UInt16, at address: String) -> Bool {
        guard let place = Socket.resolve(address, port: port, numeric: true).first else {
            return false
        }
        return (try? Socket.listen(place, backlog: 1)) != nil
    }

    /// - Returns: nil where the address is none of this machine.
    package static func find(at address: String) -> UInt16? {
        guard let place = Socket.resolve(address, port: 0, numeric: true).first else { return nil }
        return (try? Socket.listen(place, backlog: 1)).map { Socket.localPort($0) }
    }
}
