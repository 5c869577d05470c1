import Glibc

/// A port that is kept free: whoever asks for any port gets another, and whoever asks for this one
/// may listen on it, again and again, as long as it is held.
///
/// The kernel gives away no bound port by itself, and lets a socket with SO_REUSEADDR share one
/// that nobody listens on.
final class HeldPort: Sendable, CustomStringConvertible {
    let number: UInt16
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw Failure("no socket: errno \(errno)") }
        var yes: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let code = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let code = bind(descriptor, address, size)
                return code == 0 ? getsockname(descriptor, address, &size) : code
            }
        }
        number = UInt16(bigEndian: address.sin_port)
        guard code == 0 else { throw Failure("no free port: errno \(errno)") }
    }

    deinit { close(descriptor) }

    var description: String { "\(number)" }
}
