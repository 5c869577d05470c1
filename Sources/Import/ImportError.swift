/// Why a file cannot be imported: where, what is wrong, and what to do.
package struct ImportError: Error, Hashable, CustomStringConvertible {
    /// The line of the file, from 1; nil where it is about the whole.
    package let line: Int?
    /// A sentence without its point.
    package let reason: String

    package init(line: Int? = nil, _ reason: String) {
        self.line = line
        self.reason = reason
    }

    /// `line 7: ...`
    package var description: String { line.map { "line \($0): \(reason)" } ?? reason }
}
