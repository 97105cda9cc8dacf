/// The type of a record, by its number in the IANA registry "Resource Record (RR) TYPEs".
public struct DNSRecordType: Sendable, Hashable, CustomStringConvertible {
    public let code: UInt16

    public init(code: UInt16) {
        self.code = code
    }

    public static let a = DNSRecordType(code: 1)
    public static let ns = DNSRecordType(code: 2)
    public static let cname = DNSRecordType(code: 5)
    public static let soa = DNSRecordType(code: 6)
    public static let ptr = DNSRecordType(code: 12)
    public static let mx = DNSRecordType(code: 15)
    public static let txt = DNSRecordType(code: 16)
    public static let aaaa = DNSRecordType(code: 28)
    public static let srv = DNSRecordType(code: 33)
    public static let caa = DNSRecordType(code: 257)

    private static let names: [DNSRecordType: String] = [
        .a: "A", .ns: "NS", .cname: "CNAME", .soa: "SOA", .ptr: "PTR", .mx: "MX", .txt: "TXT", .aaaa: "AAAA",
        .srv: "SRV", .caa: "CAA",
    ]

    /// The mnemonic, or `TYPE65` for one that has none here (RFC 3597 section 5).
    public var description: String { Self.names[self] ?? "TYPE\(code)" }
}

/// What a record says. Names are in lower case, without their final dot; the root is `.`.
public enum DNSRecordValue: Sendable, Hashable, CustomStringConvertible {
    /// Dotted decimals.
    case a(String)
    /// In the spelling of RFC 5952.
    case aaaa(String)
    case cname(String)
    case ns(String)
    case ptr(String)
    case mx(preference: UInt16, exchange: String)
    /// Character strings of 0 to 255 bytes each.
    case txt([[UInt8]])
    case srv(priority: UInt16, weight: UInt16, port: UInt16, target: String)
    case caa(flags: UInt8, tag: String, value: [UInt8])
    case soa(
        primary: String, mailbox: String, serial: UInt32, refresh: UInt32, retry: UInt32, expire: UInt32,
        minimum: UInt32)
    /// A type that is not read here.
    case other([UInt8])

    /// The data as a zone file has it (RFC 1035 section 5.1), in one canonical spelling: equal data has equal text.
    public var description: String {
        switch self {
        case .a(let text), .aaaa(let text), .cname(let text), .ns(let text), .ptr(let text): text
        case .mx(let preference, let exchange): "\(preference) \(exchange)"
        case .txt(let strings): strings.map(DNSText.quoted).joined(separator: " ")
        case .srv(let priority, let weight, let port, let target): "\(priority) \(weight) \(port) \(target)"
        case .caa(let flags, let tag, let value): "\(flags) \(tag) \(DNSText.quoted(value))"
        case .soa(let primary, let mailbox, let serial, let refresh, let retry, let expire, let minimum):
            "\(primary) \(mailbox) \(serial) \(refresh) \(retry) \(expire) \(minimum)"
        case .other(let bytes): "\\# \(bytes.count)" + (bytes.isEmpty ? "" : " " + DNSText.hexadecimal(bytes))
        }
    }
}

public struct DNSRecord: Sendable, Hashable, CustomStringConvertible {
    /// The owner's name, in lower case, without its final dot.
    public var name: String
    public var type: DNSRecordType
    /// How long it may be kept, in seconds, 0 to 2^31 - 1 (RFC 2181 section 8).
    public var ttl: UInt32
    public var value: DNSRecordValue

    public var description: String { "\(name) \(ttl) IN \(type) \(value)" }
}

/// Text forms of bytes (RFC 1035 section 5.1, RFC 3597 section 5).
enum DNSText {
    static func quoted(_ bytes: [UInt8]) -> String {
        "\"" + escaped(bytes, special: "\"\\") + "\""
    }

    static func label(_ bytes: some Sequence<UInt8>) -> String {
        escaped(bytes.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }, special: ".\\\"();@$ ")
    }

    /// Special characters get a backslash, bytes that do not print are three decimals.
    private static func escaped(_ bytes: [UInt8], special: String) -> String {
        var text = ""
        for byte in bytes {
            if !(0x20...0x7E).contains(byte) {
                let digits = String(byte)
                text += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
            } else {
                if special.utf8.contains(byte) { text += "\\" }
                text.unicodeScalars.append(UnicodeScalar(byte))
            }
        }
        return text
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".unicodeScalars)
        var text = ""
        for byte in bytes {
            text.unicodeScalars.append(digits[Int(byte >> 4)])
            text.unicodeScalars.append(digits[Int(byte & 15)])
        }
        return text
    }
}
