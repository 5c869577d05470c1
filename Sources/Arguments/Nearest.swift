/// Finds the name that was perhaps meant by another.
enum Nearest {
    /// Longer texts are no misspellt names, and would take quadratic time.
    private static let maximumLength = 64

    /// The first of the `names` nearest to `text`; nil where none is near.
    ///
    /// Near is at most one edit in three bytes: a byte put in, left out, replaced, or swapped with
    /// the next.
    static func name(to text: String, among names: [String]) -> String? {
        guard text.utf8.count <= maximumLength else { return nil }
        let ranked = names.map { (name: $0, distance: distance(text, $0)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }),
            best.distance <= max(1, text.utf8.count / 3)
        else { return nil }
        return best.name
    }

    /// The optimal string alignment distance. Source: Damerau, CACM 7(3), 1964; Wagner, Fischer,
    /// JACM 21(1), 1974.
    static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first.utf8), Array(second.utf8))
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for (i, left) in a.enumerated() {
            var row = [i + 1]
            for (j, right) in b.enumerated() {
                var edits = min(last[j + 1] + 1, row[j] + 1, last[j] + (left == right ? 0 : 1))
                if i > 0, j > 0, left == b[j - 1], a[i - 1] == right {
                    edits = min(edits, beforeLast[j - 1] + 1)
                }
                row.append(edits)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
