import FoundationEssentials

/// Text that people gave, made harmless for a Markdown page (CommonMark 0.31, GFM tables).
enum Markdown {
    /// One line of plain text: in a sentence, a heading or a table's cell. Nothing in it is markup.
    ///
    /// What some renderers would take as HTML, as a cell's end or as an escape becomes a numeric character reference;
    /// the rest of the punctuation that means something gets a backslash.
    static func inline(_ text: String) -> String {
        var result = ""
        for scalar in singleLine(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "|", "\\", "{", "}": result += "&#\(scalar.value);"
            case "`", "*", "_", "[", "]", "~", "$", "#", "!":
                result += "\\"
                result.unicodeScalars.append(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A code span of one line; a text with a backtick is no code span but plain text.
    static func code(_ text: String) -> String {
        let line = singleLine(text)
        let isPlain =
            !line.isEmpty
            && line.utf8.allSatisfy { byte in
                byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "`") && byte != UInt8(ascii: "|")
                    && byte != UInt8(ascii: "\\")
            }
        return isPlain ? "`\(line)`" : inline(line)
    }

    /// The text without line ends, control characters and marks that reorder what is shown (UAX #9), which become
    /// single spaces, and without spaces at its ends.
    static func singleLine(_ text: String) -> String {
        var result = ""
        var needsSpace = false
        for scalar in text.unicodeScalars {
            if isInvisible(scalar) || scalar == " " {
                needsSpace = !result.isEmpty
            } else {
                if needsSpace { result += " " }
                needsSpace = false
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Whether a text is one line that shows all that it holds.
    static func hasOnlyVisible(_ text: String) -> Bool {
        !text.unicodeScalars.contains(where: isInvisible)
    }

    static func table(_ header: [String], _ rows: [[String]]) -> String {
        ([header, header.map { _ in "---" }] + rows)
            .map { "| " + $0.joined(separator: " | ") + " |\n" }
            .joined()
    }

    /// Minutes in UTC: `2026-01-31 10:20`. A page need not be newer than that.
    static func time(_ date: Date) -> String {
        let text = date.formatted(Date.ISO8601FormatStyle())
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5))"
    }

    /// The day in UTC: `2026-01-31`.
    static func day(_ date: Date) -> String {
        String(date.formatted(Date.ISO8601FormatStyle()).prefix(10))
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}
