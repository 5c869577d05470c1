/// A file is a thought, a function fits a screen, a line a column. `// tidy: <reason>` lifts a
/// limit: for the line or function below, or, among the first five lines, for the whole file.
enum Limits {
    static let fileLines = 400
    static let functionLines = 70
    static let columns = 100

    static func violations(_ path: String, _ source: SourceText) -> [Violation] {
        if source.lines.prefix(5).contains(where: isReason) { return [] }
        var found: [Violation] = []
        let count = source.lines.last == "" ? source.lines.count - 1 : source.lines.count
        if count > fileLines {
            found.append(Violation(path, "has \(count) lines, of \(fileLines) at most"))
        }
        for (index, line) in source.lines.enumerated() where line.count > columns {
            if index > 0, isReason(source.lines[index - 1]) { continue }
            found.append(
                Violation(path, line: index + 1, "has \(line.count) columns, of \(columns) at most")
            )
        }
        guard path.hasSuffix(".swift") else { return found }
        for function in Functions.all(in: source) where function.count > functionLines {
            // The reason may stand above the function's documentation and attributes.
            let above = source.lines[..<function.lowerBound].reversed().prefix { line in
                line.trimmed.hasPrefix("//") || line.trimmed.hasPrefix("@")
            }
            if above.contains(where: isReason) { continue }
            found.append(
                Violation(
                    path, line: function.lowerBound + 1,
                    "is a function of \(function.count) lines, of \(functionLines) at most"))
        }
        return found
    }

    private static func isReason(_ line: String) -> Bool {
        let mark = "// tidy: "
        return line.trimmed.hasPrefix(mark) && line.trimmed.count > mark.count
    }
}

/// Finds functions and initializers by their keywords and braces.
enum Functions {
    /// What can follow a requirement of a protocol, which has no body.
    private static let nextDeclaration: Set<String> = [
        "func", "init", "deinit", "subscript", "var", "let", "case", "struct", "class", "enum",
        "actor", "extension", "protocol", "typealias", "associatedtype", "static", "mutating",
        "public", "package", "internal", "fileprivate", "private", "import",
    ]

    private struct Token {
        let text: String
        let line: Int
    }

    /// The lines, from 0, of each function that has a body, from its keyword to its closing brace.
    static func all(in source: SourceText) -> [ClosedRange<Int>] {
        let tokens = tokens(source)
        return tokens.indices.compactMap { index in
            guard isDeclaration(tokens, index), let open = bodyStart(tokens, after: index),
                let close = end(of: open, tokens)
            else { return nil }
            return tokens[index].line...tokens[close].line
        }
    }

    /// Names and single signs; blanks fall away.
    private static func tokens(_ source: SourceText) -> [Token] {
        var tokens: [Token] = []
        for (number, line) in source.code.enumerated() {
            var name = ""
            for character in line + " " {
                if character.isLetter || character.isNumber || character == "_" {
                    name.append(character)
                    continue
                }
                if !name.isEmpty { tokens.append(Token(text: name, line: number)) }
                name = ""
                if !character.isWhitespace {
                    tokens.append(Token(text: String(character), line: number))
                }
            }
        }
        return tokens
    }

    private static func isDeclaration(_ tokens: [Token], _ index: Int) -> Bool {
        switch tokens[index].text {
        case "func": true
        case "init", "deinit": index == 0 || tokens[index - 1].text != "."
        default: false
        }
    }

    /// The brace that opens the body of the declaration at `start`; nil for one without a body.
    private static func bodyStart(_ tokens: [Token], after start: Int) -> Int? {
        var depth = 0
        for index in tokens.indices.dropFirst(start + 1) {
            switch tokens[index].text {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case "{" where depth == 0: return index
            case "}" where depth == 0: return nil
            case "@" where depth == 0: return nil
            case let text where depth == 0 && nextDeclaration.contains(text): return nil
            default: break
            }
            if depth < 0 { return nil }
        }
        return nil
    }

    private static func end(of open: Int, _ tokens: [Token]) -> Int? {
        var depth = 0
        for index in tokens.indices.dropFirst(open) {
            if tokens[index].text == "{" { depth += 1 }
            if tokens[index].text == "}" { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }
}
