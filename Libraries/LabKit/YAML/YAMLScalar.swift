import LabCore

/// What a scalar means: YAML 1.2's core schema (yaml.org/spec/1.2.2, 10.3.2), and the older `0777` of file modes, which
/// Go's parser reads as octal as well.
enum YAMLScalar {
    static func value(of text: String, isPlain: Bool, tag: String?) -> JSONValue {
        if let tag { return tagged(text, tag) }
        return isPlain ? plain(text) : .string(text)
    }

    /// A tag says what is meant, quoted or not. Any other is the application's own, and text.
    private static func tagged(_ text: String, _ tag: String) -> JSONValue {
        switch tag {
        case "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float":
            plain(text)
        default: .string(text)
        }
    }

    private static func plain(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        default: break
        }
        guard let first = text.utf8.first, isNumeric(first) else { return .string(text) }
        if let integer = integer(text) { return .integer(integer) }
        if let number = number(text) { return .number(number) }
        return .string(text)
    }

    private static func isNumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
    }

    private static func integer(_ text: String) -> Int64? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            return digits.first?.isHexDigit == true ? Int64(digits, radix: radix) : nil
        }
        if text.count > 1, text.hasPrefix("0"), let octal = Int64(text.dropFirst(), radix: 8) { return octal }
        return Int64(text)
    }

    /// Infinity and what is no number are not JSON's, and stay text.
    private static func number(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ isNumeric($0) || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }),
            text.utf8.contains(where: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Double(text), number.isFinite
        else { return nil }
        return number
    }
}
