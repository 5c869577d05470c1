/// What ends the process or hides from the compiler needs a comment that says why.
enum Hazards {
    private static let words = ["try!", "fatalError(", "as!", "@unchecked Sendable"]
    private static let markers = ["TODO", "FIXME", "XXX"]
    /// Paths that exist on somebody's machine only.
    private static let machinePaths = ["work", "home", "Users"].map { "/\($0)/" }

    /// Hazards in code without a comment on the line above, and comments that put work off.
    static func violations(_ path: String, _ source: SourceText) -> [Violation] {
        source.code.indices.flatMap { index in
            var found: [String] = []
            let isExplained = index > 0 && source.lines[index - 1].trimmed.hasPrefix("//")
            for word in words where !isExplained && source.code[index].mentions(word) {
                found.append("\(word) without a comment above that says why")
            }
            for marker in markers where source.comments[index].mentions(marker) {
                found.append("\(marker) puts work off: do it, or leave the line out")
            }
            return found.map { Violation(path, line: index + 1, $0) }
        }
    }

    /// Lines of any file of the tree that name a path of one machine.
    static func machinePaths(_ path: String, _ text: String) -> [Violation] {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return lines.enumerated().flatMap { index, line in
            machinePaths.filter { line.contains($0) }.map {
                Violation(path, line: index + 1, "names \($0), which is one machine's path")
            }
        }
    }
}
