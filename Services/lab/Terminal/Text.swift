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

extension Int64 {
    /// A number of bytes for people, with three digits: `0 B`, `12.5 KiB`, `1.25 GiB`.
    var asBytes: String {
        var value = Double(self)
        var units = ["B", "KiB", "MiB", "GiB", "TiB"][...]
        while value >= 1023.5, units.count > 1 {
            value /= 1024
            units = units.dropFirst()
        }
        let isWhole = units.startIndex == 0 || value >= 99.95
        return value.text(decimals: isWhole ? 0 : value >= 9.995 ? 1 : 2) + " " + (units.first ?? "")
    }
}

extension Double {
    /// With a fixed count of decimals, 0 to 9, a point before them.
    func text(decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int64((magnitude * Double(scale)).rounded())
        let whole = "\(scaled / Int64(scale))"
        let sign = self < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + whole }
        let part = String(scaled % Int64(scale))
        return sign + whole + "." + String(repeating: "0", count: decimals - part.count) + part
    }
}
