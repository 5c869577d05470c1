/// Links between the tree's own pages.
enum Markdown {
    /// The links of a page to files that `exists` does not know, by their path from the root.
    static func violations(
        _ path: String, _ text: String, exists: (String) -> Bool
    ) -> [Violation] {
        let folder = path.split(separator: "/").dropLast().map { String($0) }
        return links(text).compactMap { line, link in
            guard let resolved = resolve(link, in: folder) else {
                return Violation(path, line: line, "links to \(link), which leaves the tree")
            }
            if exists(resolved) { return nil }
            return Violation(path, line: line, "links to \(link), which does not exist")
        }
    }

    /// The relative links outside of code, without their fragments, and the lines they are on.
    static func links(_ text: String) -> [(line: Int, link: String)] {
        var found: [(line: Int, link: String)] = []
        var isFenced = false
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            if String(line).trimmed.hasPrefix("```") { isFenced.toggle() }
            if isFenced { continue }
            // Every second piece between backticks is code.
            let pieces = line.split(separator: "`", omittingEmptySubsequences: false)
            let prose = pieces.enumerated().map { $0.offset % 2 == 0 ? String($0.element) : "c" }
            for target in targets(prose.joined()) {
                if let link = relative(target) { found.append((index + 1, link)) }
            }
        }
        return found
    }

    /// What stands between `](` and `)`, and behind `[name]:`.
    private static func targets(_ line: String) -> [Substring] {
        var found: [Substring] = []
        var rest = line[...]
        while let open = rest.firstRange(of: "](") {
            rest = rest[open.upperBound...]
            guard let close = rest.firstIndex(of: ")") else { break }
            found.append(rest[..<close])
            rest = rest[close...]
        }
        if line.first == "[", let colon = line.firstRange(of: "]: ") {
            found.append(line[colon.upperBound...])
        }
        return found
    }

    private static func relative(_ target: Substring) -> String? {
        guard let first = target.split(separator: " ").first else { return nil }
        let link = first.filter { $0 != "<" && $0 != ">" }
        if link.contains("://") || link.hasPrefix("mailto:") { return nil }
        let file = link.prefix { $0 != "#" }
        return file.isEmpty ? nil : String(file).replacing("%20", with: " ")
    }

    /// The path from the root; nil where it leaves the tree.
    private static func resolve(_ link: String, in folder: [String]) -> String? {
        var parts = link.hasPrefix("/") ? [] : folder
        for part in link.split(separator: "/") where part != "." {
            if part == ".." {
                guard parts.popLast() != nil else { return nil }
            } else {
                parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }
}
