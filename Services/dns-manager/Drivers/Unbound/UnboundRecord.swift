import LabCore

/// One record in the three spellings that Unbound has for it.
///
/// Unbound lists a record as `name.⇥TTL⇥IN⇥TYPE⇥data`; the same with spaces is what the control channel and the
/// configuration take. Spelling it exactly as Unbound lists it makes the comparison one of hashes.
struct UnboundRecord: Sendable, Hashable {
    /// As the control channel takes it.
    let line: [UInt8]
    /// A hash of the line as Unbound lists it.
    let hash: UInt64

    init(owner: RecordName, ttl: Int, type: String, data: String) {
        self.init("\(owner.text).", ttl: ttl, type: type, data: data)
    }

    private init(_ owner: String, ttl: Int, type: String, data: String) {
        line = Array("\(owner) \(ttl) IN \(type) \(data)".utf8)
        var hash = LineHash()
        for byte in "\(owner)\t\(ttl)\tIN\t\(type)\t\(data)".utf8.prefix(UnboundListing.longestLine) { hash.add(byte) }
        self.hash = hash.value
    }

    /// The records of a set, at the owner that stands for it in Unbound.
    static func records(of set: RecordSet, owner: RecordName) -> [UnboundRecord] {
        set.values.map {
            UnboundRecord(owner: owner, ttl: set.ttl, type: set.type.rawValue, data: data($0, set.type))
        }
    }

    /// The SOA record of a zone: a name that does not exist is remembered for 60 s (RFC 2308).
    static func authority(of zone: RecordName) -> UnboundRecord {
        UnboundRecord(
            owner: zone, ttl: 60, type: "SOA", data: "\(zone.text). nobody.invalid. 1 3600 1200 604800 60")
    }

    static func nameServer(of zone: RecordName) -> UnboundRecord {
        UnboundRecord(owner: zone, ttl: 300, type: "NS", data: "localhost.")
    }

    /// The line of the configuration file. A single quote would end the string there.
    var fileLine: [UInt8] {
        var bytes = Array("local-data: '".utf8)
        for byte in line {
            if byte == UInt8(ascii: "'") { bytes += Array(#"\039"#.utf8) } else { bytes.append(byte) }
        }
        bytes += [UInt8(ascii: "'"), UInt8(ascii: "\n")]
        return bytes
    }

    /// A canonical value as the data of a record in presentation format.
    private static func data(_ value: String, _ type: RecordType) -> String {
        switch type {
        case .a, .aaaa, .caa: value
        case .cname, .ptr: value + "."
        case .mx, .srv: value.hasSuffix(".") ? value : value + "."
        case .txt: characterStrings(Array(value.utf8))
        }
    }

    /// RFC 1035 section 5.1: strings of at most 255 bytes in quotes.
    private static func characterStrings(_ bytes: [UInt8]) -> String {
        guard !bytes.isEmpty else { return "\"\"" }
        return stride(from: 0, to: bytes.count, by: 255)
            .map { "\"" + bytes[$0..<min($0 + 255, bytes.count)].map(escaped).joined() + "\"" }
            .joined(separator: " ")
    }

    private static func escaped(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return "\\" + String(UnicodeScalar(byte))
        case 0x20...0x7E, UInt8(ascii: "\t"): return String(UnicodeScalar(byte))
        default:
            let digits = String(byte)
            return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
        }
    }
}

/// FNV-1a with 64 bits: a hash that is the same in every process and cheap by the byte.
struct LineHash: Sendable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    static func of(_ text: String) -> UInt64 {
        var hash = LineHash()
        for byte in text.utf8 { hash.add(byte) }
        return hash.value
    }
}
