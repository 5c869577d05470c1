import Glibc

/// A system call that failed.
struct SystemError: Error, Hashable, CustomStringConvertible {
    let call: String
    let code: Int32

    var description: String { "\(call): \(String(cString: strerror(code))) (errno \(code))" }

    /// Takes the negative errno values of `kassa_epoll.h`.
    static func check(_ result: Int32, _ call: String) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(call: call, code: -result) }
        return result
    }

    /// Takes -1 with `errno`.
    static func checkErrno(_ result: Int32, _ call: String) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(call: call, code: errno) }
        return result
    }
}
