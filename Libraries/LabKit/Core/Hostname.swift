/// A fully qualified host name in its canonical spelling: lower case, no final dot (RFC 1123, RFC 5890).
///
/// Labels are 1 to 63 of `a-z 0-9 -` with no hyphen first or last, the whole at most 253 characters, at least two
/// labels, and the last label is not all digits, so that no host name reads as an IPv4 address.
public struct Hostname: ValidatedText {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        let name = try DomainName.canonical(text)
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        for label in labels {
            try DomainName.checkLabel(label, allowingUnderscore: false)
        }
        try DomainName.checkWhole(name, labels: labels)
        self.text = name
    }

    /// The labels from left to right.
    public var labels: [Substring] { text.split(separator: ".") }

    /// Whether this name is `zone` or lies below it.
    public func isInside(_ zone: Hostname) -> Bool {
        text == zone.text || text.hasSuffix("." + zone.text)
    }

    /// The name without its first label, or nil where that would leave fewer than two labels.
    public var parent: Hostname? {
        guard let dot = text.firstIndex(of: ".") else { return nil }
        return try? Hostname(String(text[text.index(after: dot)...]))
    }
}

/// The owner name of a DNS record: a host name whose labels may also begin with `_`, and whose first label may be the
/// whole label `*` (RFC 2782, RFC 4592).
public struct RecordName: ValidatedText {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        let name = try DomainName.canonical(text)
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        for (index, label) in labels.enumerated() where !(index == 0 && label == "*") {
            try DomainName.checkLabel(label, allowingUnderscore: true)
        }
        try DomainName.checkWhole(name, labels: labels)
        self.text = name
    }

    public init(_ hostname: Hostname) {
        text = hostname.text
    }

    public var isWildcard: Bool { text.hasPrefix("*.") }

    /// The name that a wildcard lies directly below; the name itself otherwise.
    public var withoutWildcard: RecordName {
        guard isWildcard, let name = try? RecordName(String(text.dropFirst(2))) else { return self }
        return name
    }

    /// The same name as a host's, or nil where it has a `_` or a `*`.
    public var hostname: Hostname? { try? Hostname(text) }

    public func isInside(_ zone: Hostname) -> Bool {
        text == zone.text || text.hasSuffix("." + zone.text)
    }
}

/// The rules that host names and record names share.
enum DomainName {
    /// Lower case, without the final dot; refuses what is not ASCII or could end a line or a word elsewhere.
    static func canonical(_ text: String) throws(InvalidText) -> String {
        guard !text.isEmpty else {
            throw InvalidText("the name is empty", remedy: "Give a full name such as nas.home.arpa")
        }
        guard text.utf8.count <= 1024 else {
            throw InvalidText("the name has more than 253 characters", remedy: "Shorten it")
        }
        for byte in text.utf8 where !isNameByte(byte) {
            if byte >= 0x80 {
                throw InvalidText(
                    "“\(text)” has a character outside ASCII",
                    remedy: "Give the A-label form (xn--…) of an internationalised name")
            }
            throw InvalidText(
                "“\(printable(text))” has a character that no host name can have",
                remedy: "Use letters, digits, hyphens and dots")
        }
        let lowered = text.lowercased()
        return lowered.hasSuffix(".") ? String(lowered.dropLast()) : lowered
    }

    static func checkLabel(_ label: Substring, allowingUnderscore: Bool) throws(InvalidText) {
        guard !label.isEmpty else {
            throw InvalidText("the name has an empty label", remedy: "Remove the doubled or leading dot")
        }
        guard label.utf8.count <= 63 else {
            throw InvalidText("the label “\(label)” has more than 63 characters", remedy: "Shorten it")
        }
        guard !label.hasPrefix("-"), !label.hasSuffix("-") else {
            throw InvalidText("the label “\(label)” begins or ends with a hyphen", remedy: "Remove that hyphen")
        }
        let bytes = Array(label.utf8)
        if bytes.count >= 4, bytes[2] == UInt8(ascii: "-"), bytes[3] == UInt8(ascii: "-"), !label.hasPrefix("xn--") {
            throw InvalidText(
                "the label “\(label)” has hyphens in its third and fourth place, which RFC 5890 reserves",
                remedy: "Use another label")
        }
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                continue
            case UInt8(ascii: "_") where allowingUnderscore && index == 0:
                continue
            default:
                throw InvalidText(
                    "the label “\(label)” has a “\(Character(UnicodeScalar(byte)))” that is not allowed there",
                    remedy: allowingUnderscore
                        ? "Use letters, digits and hyphens; “_” only as a label's first character, “*” only as the whole first label"
                        : "Use letters, digits and hyphens")
            }
        }
    }

    static func checkWhole(_ name: String, labels: [Substring]) throws(InvalidText) {
        guard name.utf8.count <= 253 else {
            throw InvalidText("the name has more than 253 characters", remedy: "Shorten it")
        }
        guard labels.count >= 2 else {
            throw InvalidText(
                "“\(name)” has a single label", remedy: "Give a full name such as \(name).home.arpa")
        }
        guard let last = labels.last, !last.allSatisfy(\.isNumber) else {
            throw InvalidText("“\(name)” ends in a number, as an address does", remedy: "Give a name, not an address")
        }
        guard last != "local" else {
            throw InvalidText(
                "“\(name)” lies in .local, which belongs to multicast DNS (RFC 6762)",
                remedy: "Use home.arpa (RFC 8375) or a domain of your own")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "*"):
            true
        default: false
        }
    }

    /// The text with control characters replaced, so that a message stays one line.
    private static func printable(_ text: String) -> String {
        String(
            text.unicodeScalars.prefix(80).map { scalar in
                scalar.value < 0x20 || scalar.value == 0x7F ? "·" : Character(scalar)
            })
    }
}
