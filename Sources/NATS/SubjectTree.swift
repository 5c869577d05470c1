/// Who is interested in which subjects, by patterns with wildcards.
///
/// One thread at a time. What was found for a subject is kept until interest changes: most messages
/// go to few subjects.
package struct SubjectTree<Value> {
    private final class Node {
        var children: [String: Node] = [:]
        var values: [UInt64: Value] = [:]
        /// Those whose pattern ends here with `>`.
        var tails: [UInt64: Value] = [:]
        var isEmpty: Bool { children.isEmpty && values.isEmpty && tails.isEmpty }
    }

    private static var kept: Int { 4096 }

    private let root = Node()
    private var found: [String: [Value]] = [:]
    package private(set) var count = 0

    package init() {}

    /// - Parameters:
    ///   - pattern: see `Subject.isPattern`.
    ///   - id: names the entry; it must be new.
    package mutating func insert(_ value: Value, at pattern: String, id: UInt64) {
        var node = root
        var isTail = false
        for token in Self.tokens(pattern) {
            if token == ">" {
                isTail = true
                break
            }
            let next = node.children[token] ?? Node()
            node.children[token] = next
            node = next
        }
        if isTail { node.tails[id] = value } else { node.values[id] = value }
        count += 1
        found.removeAll(keepingCapacity: true)
    }

    package mutating func remove(_ id: UInt64, from pattern: String) {
        guard Self.remove(id, Self.tokens(pattern)[...], from: root) else { return }
        count -= 1
        found.removeAll(keepingCapacity: true)
    }

    /// All whose pattern stands for `subject`, in no particular order.
    package mutating func matches(_ subject: String) -> [Value] {
        if let known = found[subject] { return known }
        var values: [Value] = []
        Self.collect(Self.tokens(subject)[...], root, &values)
        if found.count >= Self.kept { found.removeAll(keepingCapacity: true) }
        found[subject] = values
        return values
    }

    private static func tokens(_ subject: String) -> [String] {
        subject.utf8.split(separator: Subject.dot, omittingEmptySubsequences: false)
            .map { String(Substring($0)) }
    }

    private static func collect(
        _ tokens: ArraySlice<String>, _ node: Node, _ values: inout [Value]
    ) {
        guard let token = tokens.first else {
            values.append(contentsOf: node.values.values)
            return
        }
        values.append(contentsOf: node.tails.values)
        if let next = node.children[token] { collect(tokens.dropFirst(), next, &values) }
        // A subject may be published to that has a wildcard's sign for a token.
        if token != "*", let next = node.children["*"] {
            collect(tokens.dropFirst(), next, &values)
        }
    }

    private static func remove(_ id: UInt64, _ tokens: ArraySlice<String>, from node: Node)
        -> Bool
    {
        guard let token = tokens.first else { return node.values.removeValue(forKey: id) != nil }
        if token == ">" { return node.tails.removeValue(forKey: id) != nil }
        guard let next = node.children[token], remove(id, tokens.dropFirst(), from: next) else {
            return false
        }
        if next.isEmpty { node.children[token] = nil }
        return true
    }
}
