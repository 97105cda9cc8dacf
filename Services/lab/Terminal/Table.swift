/// A table for a terminal: columns as wide as their widest cell, the last one cut to what the window has left.
struct Table {
    /// What stands in one row and column: pieces beside each other, each in its style.
    struct Cell {
        let pieces: [Terminal.Piece]

        init(_ text: String, _ style: Terminal.Style? = nil) {
            pieces = [Terminal.Piece(text, style)]
        }

        init(_ pieces: [Terminal.Piece]) {
            self.pieces = pieces
        }

        var width: Int { pieces.reduce(0) { $0 + $1.text.count } }
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
            all.map { $0.indices.contains(column) ? $0[column].width : 0 }.max() ?? 0
        }
        for row in all {
            var line: [Terminal.Piece] = []
            for (column, cell) in row.enumerated() {
                line += cell.pieces
                if column < row.count - 1 {
                    line.append(Terminal.Piece(String(repeating: " ", count: widths[column] - cell.width + 2)))
                }
            }
            terminal.row(line)
        }
    }
}
