// What Foundation has for text: without it a service needs eight megabytes less.

extension String {
    /// Without white space and line ends at both ends.
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        let count = start.reversed().drop(while: \.isWhitespace).count
        return String(start.prefix(count))
    }

    /// Filled up with spaces to a width in characters; longer text stays as it is.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    /// No longer than a width in characters; what was cut off ends with “…”.
    func shortened(to width: Int) -> String {
        count <= width ? self : prefix(width - 1) + "…"
    }

    /// Its lines, broken between words so that none is wider; a word that is wider itself stays whole, to be copied.
    ///
    /// - Parameters:
    ///   - first: what the first line may have, in characters.
    ///   - width: what each further line may have.
    func wrapped(first: Int, width: Int) -> [String] {
        var lines: [String] = []
        for given in split(separator: "\n", omittingEmptySubsequences: false) {
            var line: String?
            for word in given.split(separator: " ", omittingEmptySubsequences: false) {
                let room = lines.isEmpty ? first : width
                if let begun = line, begun.count + 1 + word.count > room {
                    lines.append(begun)
                    line = String(word)
                } else {
                    line = line.map { "\($0) \(word)" } ?? String(word)
                }
            }
            lines.append(line ?? "")
        }
        return lines
    }
}
