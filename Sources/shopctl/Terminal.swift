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
