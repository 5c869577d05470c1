/// A place where the tree breaks one of its rules.
struct Violation: Hashable, CustomStringConvertible {
    let path: String
    /// From 1; nil where the whole file is meant.
    let line: Int?
    let what: String

    init(_ path: String, line: Int? = nil, _ what: String) {
        self.path = path
        self.line = line
        self.what = what
    }

    var description: String { "\(path)\(line.map { ":\($0)" } ?? ""): \(what)" }
}

extension String {
    /// Whether `word` occurs, and is not the end or the beginning of a longer name where it begins
    /// or ends like one.
    func mentions(_ word: String) -> Bool {
        let (text, word) = (Array(utf8), Array(word.utf8))
        guard let first = word.first, let last = word.last, text.count >= word.count else {
            return false
        }
        func isName(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A, 0x80...0xFF: true
            default: false
            }
        }
        return (0...text.count - word.count).contains { start in
            let end = start + word.count
            guard text[start] == first, text[start..<end].elementsEqual(word) else { return false }
            let goesOnBefore = start > 0 && isName(text[start - 1]) && isName(first)
            let goesOnAfter = end < text.count && isName(text[end]) && isName(last)
            return !goesOnBefore && !goesOnAfter
        }
    }

    var trimmed: Substring {
        let head = drop { $0.isWhitespace }
        guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return head[...last]
    }
}
