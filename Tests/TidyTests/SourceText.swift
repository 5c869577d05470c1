/// A Swift file taken apart into code and comments, line by line.
///
/// Comments and the contents of strings are blanks in `code`, so that a brace or a word in them
/// counts for nothing; code in a string's interpolation stays. Bare regular expressions are not
/// known.
struct SourceText {
    let lines: [String]
    let code: [String]
    let comments: [String]

    init(_ text: String) {
        var scanner = Scanner(Array(text.utf8))
        scanner.run()
        lines = Self.lines(Array(text.utf8))
        code = Self.lines(scanner.code)
        comments = Self.lines(scanner.comments)
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: newline, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }
}

private let newline = UInt8(ascii: "\n")

/// Walks over the bytes and keeps each one for code, for comments, or for neither.
private struct Scanner {
    private enum Mode {
        case code(parentheses: Int)
        case string(hashes: Int, isMultiline: Bool)
    }

    private let text: [UInt8]
    private var at = 0
    private var modes = [Mode.code(parentheses: 0)]
    private(set) var code: [UInt8]
    private(set) var comments: [UInt8]

    init(_ text: [UInt8]) {
        self.text = text
        code = text.map { $0 == newline ? newline : UInt8(ascii: " ") }
        comments = code
    }

    mutating func run() {
        while at < text.count {
            switch modes.last {
            case .string(let hashes, let isMultiline): scanString(hashes, isMultiline)
            case .code(let parentheses): scanCode(parentheses)
            case nil: return
            }
        }
    }

    private func has(_ expected: String, at place: Int) -> Bool {
        text[place...].starts(with: expected.utf8)
    }

    private mutating func scanCode(_ parentheses: Int) {
        if has("//", at: at) {
            while at < text.count, text[at] != newline { comment() }
        } else if has("/*", at: at) {
            scanBlockComment()
        } else if text[at] == UInt8(ascii: "`") {
            keep()
            while at < text.count, text[at] != UInt8(ascii: "`"), text[at] != newline { at += 1 }
            if at < text.count { keep() }
        } else if let (hashes, isMultiline, length) = openingQuote() {
            at += length
            modes.append(.string(hashes: hashes, isMultiline: isMultiline))
        } else {
            if text[at] == UInt8(ascii: "(") { replaceMode(.code(parentheses: parentheses + 1)) }
            if text[at] == UInt8(ascii: ")") {
                if parentheses == 1, modes.count > 1 {
                    modes.removeLast()
                } else {
                    replaceMode(.code(parentheses: parentheses - 1))
                }
            }
            keep()
        }
    }

    private mutating func scanString(_ hashes: Int, _ isMultiline: Bool) {
        let fence = String(repeating: "#", count: hashes)
        let closing = (isMultiline ? "\"\"\"" : "\"") + fence
        if has("\\" + fence + "(", at: at) {
            at += 1 + hashes
            modes.append(.code(parentheses: 0))
        } else if has("\\" + fence, at: at) {
            at += 2 + hashes
        } else if has(closing, at: at) {
            at += closing.count
            modes.removeLast()
        } else if text[at] == newline, !isMultiline {
            modes.removeLast()
        } else {
            at += 1
        }
    }

    private mutating func scanBlockComment() {
        var depth = 0
        repeat {
            if has("/*", at: at) {
                depth += 1
                comment()
            } else if has("*/", at: at) {
                depth -= 1
                comment()
            }
            if at < text.count { comment() }
        } while depth > 0 && at < text.count
    }

    private func openingQuote() -> (hashes: Int, isMultiline: Bool, length: Int)? {
        var quote = at
        while quote < text.count, text[quote] == UInt8(ascii: "#") { quote += 1 }
        guard quote < text.count, text[quote] == UInt8(ascii: "\"") else { return nil }
        let isMultiline = has("\"\"\"", at: quote)
        return (quote - at, isMultiline, quote - at + (isMultiline ? 3 : 1))
    }

    private mutating func replaceMode(_ mode: Mode) { modes[modes.count - 1] = mode }

    private mutating func keep() {
        code[at] = text[at]
        at += 1
    }

    private mutating func comment() {
        comments[at] = text[at]
        at += 1
    }
}
