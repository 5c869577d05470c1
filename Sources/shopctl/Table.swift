/// Rows under their headings, for a person: columns aligned, figures to the right.
struct Table {
    struct Column {
        let title: String
        let isFigure: Bool

        static func text(_ title: String) -> Column { Column(title: title, isFigure: false) }
        static func figure(_ title: String) -> Column { Column(title: title, isFigure: true) }
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// - Parameter row: a cell a column.
    mutating func add(_ row: [String]) { rows.append(row.map(Terminal.plain)) }

    /// The lines, with the headings first; these are bold on a terminal.
    var lines: [String] {
        let titles = columns.map(\.title)
        let widths = columns.indices.map { index in
            (rows + [titles]).map { $0[index].count }.max() ?? 0
        }
        return [Terminal.bold(Self.line(titles, columns, widths))]
            + rows.map { Self.line($0, columns, widths) }
    }

    private static func line(_ cells: [String], _ columns: [Column], _ widths: [Int]) -> String {
        let padded = cells.indices.map { index in
            let padding = padding(cells[index], widths[index])
            return columns[index].isFigure ? padding + cells[index] : cells[index] + padding
        }
        let line = padded.joined(separator: "  ")
        return String(line.reversed().drop { $0 == " " }.reversed())
    }

    private static func padding(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count))
    }
}
