package import Glibc

/// The socket calls that server and client share.
package enum Socket {
    /// An address as `getaddrinfo` gives it, copied out.
    package struct Address {
        package let family: Int32
        package let bytes: [UInt8]

        package func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R? {
            bytes.withUnsafeBytes { raw in
                raw.baseAddress.map {
                    body($0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
                }
            }
        }
    }

    /// The addresses of a host; only numeric ones where `numeric` is set. Empty: none known.
    package static func resolve(_ host: String, port: UInt16, numeric: Bool) -> [Address] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [Address] = []
        var entry = list
        while let info = entry?.pointee {
            if let address = info.ai_addr {
                let raw = UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen))
                addresses.append(Address(family: info.ai_family, bytes: Array(raw)))
            }
            entry = info.ai_next
        }
        return addresses
    }

    /// A non-blocking stream socket, closed on exec.
    package static func stream(_ family: Int32) throws(SystemError) -> Descriptor {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        return Descriptor(owning: try SystemError.checkErrno(socket(family, type, 0), "socket"))
    }

    /// Connects, and waits for it.
    package static func connect(_ address: Address, until deadline: Moment) throws(SystemError)
        -> Descriptor
    {
        let socket = try startConnecting(address)
        guard wait(socket, Int16(POLLOUT), until: deadline) else {
            throw SystemError(call: "connect", code: ETIMEDOUT)
        }
        try checkConnected(socket)
        return socket
    }

    /// Begins to connect; once the socket is writable `checkConnected` says how it went.
    package static func startConnecting(_ address: Address) throws(SystemError) -> Descriptor {
        let socket = try stream(address.family)
        let result = address.withPointer { Glibc.connect(socket.number, $0, $1) } ?? -1
        guard result == 0 || errno == EINPROGRESS else {
            throw SystemError(call: "connect", code: errno)
        }
        return socket
    }

    /// - Throws: why a socket that is no longer connecting is not connected.
    package static func checkConnected(_ socket: Descriptor) throws(SystemError) {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket.number, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else { throw SystemError(call: "connect", code: code) }
        // Where nothing listens the system may have chosen that very port for our own end: both
        // ends are then this socket.
        let own = addressBytes(socket, getsockname)
        guard own.isEmpty || own != addressBytes(socket, getpeername) else {
            throw SystemError(call: "connect", code: ECONNREFUSED)
        }
    }

    private static func addressBytes(
        _ socket: Descriptor,
        _ read: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> [UInt8] {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { raw in
            guard let base = raw.baseAddress,
                read(socket.number, base.assumingMemoryBound(to: sockaddr.self), &length) == 0
            else { return [] }
            return Array(raw.prefix(Int(length)))
        }
    }

    /// Whether a socket is ready for `events`, as poll(2) has them, before the deadline.
    package static func wait(_ socket: Descriptor, _ events: Int16, until deadline: Moment) -> Bool
    {
        while true {
            var entry = pollfd(fd: socket.number, events: events, revents: 0)
            let count = poll(&entry, 1, Moment.now().milliseconds(until: deadline))
            if count > 0 { return true }
            if count == 0 || errno != EINTR { return false }
        }
    }

    package static func listen(_ address: Address, backlog: Int32) throws(SystemError) -> Descriptor
    {
        let socket = try stream(address.family)
        setOption(socket.number, SOL_SOCKET, SO_REUSEADDR)
        let bound = address.withPointer { bind(socket.number, $0, $1) } ?? -1
        _ = try SystemError.checkErrno(bound, "bind")
        _ = try SystemError.checkErrno(Glibc.listen(socket.number, backlog), "listen")
        return socket
    }

    /// The port a socket is bound to.
    package static func localPort(_ socket: Descriptor) -> UInt16 {
        let address = addressBytes(socket, getsockname)
        // The port is at offset 2 in both sockaddr_in and sockaddr_in6, in network order.
        return address.count < 4 ? 0 : UInt16(address[2]) << 8 | UInt16(address[3])
    }

    /// Small answers go out at once: the whole answer is written in one call anyway.
    package static func disableDelay(_ fd: Int32) { setOption(fd, Int32(IPPROTO_TCP), TCP_NODELAY) }

    /// Bytes sent, or a negative errno; never raises SIGPIPE.
    package static func send(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let sent = Glibc.send(fd, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if sent >= 0 { return sent }
            if errno != EINTR { return -Int(errno) }
        }
    }

    /// Bytes received, 0 at the end, or a negative errno.
    package static func receive(_ fd: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            let received = recv(fd, bytes.baseAddress, bytes.count, 0)
            if received >= 0 { return received }
            if errno != EINTR { return -Int(errno) }
        }
    }

    package static func isRetryable(_ result: Int) -> Bool {
        result == -Int(EAGAIN) || result == -Int(EWOULDBLOCK)
    }

    private static func setOption(_ fd: Int32, _ level: Int32, _ option: Int32) {
        var on: Int32 = 1
        setsockopt(fd, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }
}
