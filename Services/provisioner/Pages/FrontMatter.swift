/// The YAML block at a page's head. It marks the page as ours: only such pages are overwritten and deleted.
enum FrontMatter {
    static let marker = "generator: homelab-provisioner"

    /// - Parameter fields: in their order; those without a value are left out.
    static func text(_ fields: [(key: String, value: String?)]) -> String {
        var lines = ["---", marker]
        for (key, value) in fields {
            if let value { lines.append("\(key): \(quoted(value))") }
        }
        return (lines + ["---"]).joined(separator: "\n") + "\n"
    }

    /// Whether a page was written by the provisioner: the marker stands in its front matter, not in its text.
    static func isOurs(_ page: String) -> Bool {
        var lines = page.split(separator: "\n", omittingEmptySubsequences: false).makeIterator()
        guard lines.next() == "---" else { return false }
        while let line = lines.next(), line != "---" {
            if line == marker { return true }
        }
        return false
    }

    /// A double-quoted scalar (YAML 1.2 §7.3.1): one line, whatever the text holds.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                let width = scalar.value > 0xFFFF ? 8 : 4
                result += (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: width - digits.count) + digits
            }
        }
        return result + "\""
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0xFFFE, 0xFFFF: false
        default: true
        }
    }
}
