import Glibc

/// What a person sees: colours and progress on a terminal only.
enum Terminal {
    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }
    private static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes to standard error.
    static func complain(_ text: String) {
        let name = text.hasPrefix("shopctl") ? "" : "shopctl: "
        let bytes = Array("\(name)\(text)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    /// One line that the next one replaces; nothing where standard error is no terminal.
    static func progress(_ text: String) {
        guard showsProgress else { return }
        let bytes = Array("\r\u{1B}[2K\(text)".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Writes out what was printed.
    ///
    /// - Returns: 1 where it could not be written, so that nobody takes half a text for a whole
    ///   one; a reader that has gone away is no failure. Else `code`.
    static func flush(_ code: Int32) -> Int32 {
        errno = 0
        guard fflush(nil) != 0, errno != EPIPE else { return code }
        complain("what was to be printed could not be written: \(String(cString: strerror(errno)))")
        return max(code, 1)
    }

    /// Text that came from elsewhere, fit for a terminal: what would steer it, or turn its
    /// direction, is replaced.
    static func plain(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isSteering) else { return text }
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { plain.append(isSteering(scalar) ? "\u{FFFD}" : scalar) }
        return String(plain)
    }

    private static func isSteering(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    static func endProgress() { progress("") }

    static func green(_ text: String) -> String { colour(text, "32") }
    static func red(_ text: String) -> String { colour(text, "31") }
    static func dim(_ text: String) -> String { colour(text, "2") }
    static func bold(_ text: String) -> String { colour(text, "1") }

    private static func colour(_ text: String, _ code: String) -> String {
        isInteractive ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}

/// A command that did not do what it was asked: exit code 1.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
