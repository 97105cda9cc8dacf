import LabCore

/// One value of a record: what a person writes, and the one canonical spelling of it.
///
/// Canonical are: addresses as ``IPAddress`` prints them; host names in lower case without the final dot; `preference
/// exchange`, `priority weight port target` and `flags tag "value"` with single spaces; the text of a TXT record as it
/// is, without quotes or escapes.
enum RecordValue {
    /// The most bytes that one TXT value may have; what lies above belongs in a file, not in DNS.
    static let maximumText = 4000

    static func canonical(_ text: String, for type: RecordType) throws(InvalidText) -> String {
        switch type {
        case .a: try address(text, isIPv4: true)
        case .aaaa: try address(text, isIPv4: false)
        case .cname: try RecordName(text).text
        case .ptr: try Hostname(text).text
        case .mx: try exchange(text)
        case .srv: try service(text)
        case .caa: try authorisation(text)
        case .txt: try characters(text)
        }
    }

    private static func address(_ text: String, isIPv4: Bool) throws(InvalidText) -> String {
        let address = try IPAddress(text)
        guard address.isIPv4 == isIPv4 else {
            throw InvalidText(
                "\(address) is an address of IP version \(address.isIPv4 ? 4 : 6)",
                remedy: "Use type \(address.isIPv4 ? "A" : "AAAA") for it")
        }
        return address.text
    }

    private static func exchange(_ text: String) throws(InvalidText) -> String {
        let words = text.split(separator: " ")
        guard words.count == 2, let preference = UInt16(words[0]) else {
            throw InvalidText(
                "“\(text.prefix(80))” is not a preference and a host name", remedy: "Give one such as 10 mail.home.arpa"
            )
        }
        return "\(preference) \(try target(words[1]))"
    }

    private static func service(_ text: String) throws(InvalidText) -> String {
        let words = text.split(separator: " ")
        guard words.count == 4, let priority = UInt16(words[0]), let weight = UInt16(words[1]),
            let port = UInt16(words[2])
        else {
            throw InvalidText(
                "“\(text.prefix(80))” is not a priority, a weight, a port and a host name",
                remedy: "Give one such as 0 5 8080 nas.home.arpa")
        }
        return "\(priority) \(weight) \(port) \(try target(words[3]))"
    }

    /// A host name, or `.` for “no such service here” (RFC 2782, RFC 7505).
    private static func target(_ text: Substring) throws(InvalidText) -> String {
        text == "." ? "." : try Hostname(String(text)).text
    }

    /// RFC 8659: flags, a tag of letters and digits, a value of printable ASCII.
    private static func authorisation(_ text: String) throws(InvalidText) -> String {
        let remedy = "Give one such as 0 issue \"letsencrypt.org\""
        let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count == 3, let flags = UInt8(words[0]) else {
            throw InvalidText("“\(text.prefix(80))” is not flags, a tag and a value", remedy: remedy)
        }
        let tag = words[1].lowercased()
        guard (1...15).contains(tag.utf8.count), tag.utf8.allSatisfy(isAlphanumeric) else {
            throw InvalidText("the tag “\(tag.prefix(80))” is not 1 to 15 letters and digits", remedy: remedy)
        }
        var value = words[2]
        if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") {
            value = value.dropFirst().dropLast()
        }
        let isPlain = value.utf8.allSatisfy {
            (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        guard isPlain, value.utf8.count <= 255 else {
            throw InvalidText(
                "the value has a quote, a backslash, a character outside ASCII or more than 255 bytes", remedy: remedy)
        }
        return "\(flags) \(tag) \"\(value)\""
    }

    private static func characters(_ text: String) throws(InvalidText) -> String {
        guard text.utf8.count <= maximumText else {
            throw InvalidText("the text has more than \(maximumText) bytes", remedy: "Shorten it")
        }
        guard !text.utf8.contains(0) else {
            throw InvalidText("the text has a NUL character", remedy: "Remove it")
        }
        return text
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }
}
