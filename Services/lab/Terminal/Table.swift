/// A table for a terminal: columns as wide as their widest cell.
struct Table {
    struct Cell {
        let text: String
        let style: Terminal.Style?

        init(_ text: String, _ style: Terminal.Style? = nil) {
            self.text = text
            self.style = style
        }
    }

    let headings: [String]
    private(set) var rows: [[Cell]] = []

    init(_ headings: [String]) {
        self.headings = headings
    }

    mutating func add(_ row: [Cell]) {
        rows.append(row)
    }

    func write(to terminal: Terminal) {
        let all = [headings.map { Cell($0, .bold) }] + rows
        let widths = headings.indices.map { column in
            all.map { $0.indices.contains(column) ? $0[column].text.count : 0 }.max() ?? 0
        }
        for row in all {
            var line = ""
            for (column, cell) in row.enumerated() {
                let isLast = column == row.count - 1
                let padding = isLast ? "" : String(repeating: " ", count: widths[column] - cell.text.count + 2)
                line += (cell.style.map { terminal.styled(cell.text, $0) } ?? cell.text) + padding
            }
            terminal.line(line)
        }
    }
}
