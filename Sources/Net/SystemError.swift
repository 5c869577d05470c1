import Glibc

/// A system call that failed.
package struct SystemError: Error, Hashable, CustomStringConvertible {
    package let call: String
    package let code: Int32

    package init(call: String, code: Int32) { (self.call, self.code) = (call, code) }

    package var description: String {
        "\(call): \(String(cString: strerror(code))) (errno \(code))"
    }

    /// Takes the negative errno values of `kassa_epoll.h`.
    package static func check(_ result: Int32, _ call: String) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(call: call, code: -result) }
        return result
    }

    /// Takes -1 with `errno`.
    package static func checkErrno(_ result: Int32, _ call: String) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(call: call, code: errno) }
        return result
    }
}
