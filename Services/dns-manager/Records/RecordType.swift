/// The types of DNS record that can be declared.
public enum RecordType: String, Sendable, Codable, CaseIterable {
    case a = "A"
    case aaaa = "AAAA"
    case cname = "CNAME"
    case txt = "TXT"
    case ptr = "PTR"
    case srv = "SRV"
    case mx = "MX"
    case caa = "CAA"

    /// The type's number in a DNS message (IANA, DNS Parameters).
    public var code: UInt16 {
        switch self {
        case .a: 1
        case .aaaa: 28
        case .cname: 5
        case .txt: 16
        case .ptr: 12
        case .srv: 33
        case .mx: 15
        case .caa: 257
        }
    }

    public init?(code: UInt16) {
        guard let type = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = type
    }

    /// The last part of a record's resource name: `aaaa`.
    public var word: String { rawValue.lowercased() }
}
