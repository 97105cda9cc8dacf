public import LabCore

/// What is declared of a record: all values of one type at one name.
///
/// The owner name of a PTR record follows from its `address` and is never typed.
public struct RecordSpec: Sendable, Hashable {
    public let name: RecordName
    public let type: RecordType
    /// Only for PTR.
    public let address: IPAddress?
    /// Canonical, sorted, none twice: 1 to 64.
    public let values: [String]
    /// Seconds, 60 to 86400.
    public let ttl: Int

    public static let ttlRange = 60...86400
    public static let defaultTTL = 300

    public var set: RecordSet { RecordSet(name: name, type: type, ttl: ttl, values: values) }

    /// A record of any type but PTR.
    ///
    /// - Throws: `DecodingError` with the field, the fault and the remedy, as for a declaration that was sent.
    public init(name: RecordName, type: RecordType, values: [String], ttl: Int = defaultTTL) throws {
        try self.init(name: name, type: type, address: nil, values: values, ttl: ttl, path: [])
    }

    /// A PTR record: the names that an address belongs to.
    public init(address: IPAddress, names: [String], ttl: Int = defaultTTL) throws {
        try self.init(name: nil, type: .ptr, address: address, values: names, ttl: ttl, path: [])
    }

    private init(
        name: RecordName?, type: RecordType, address: IPAddress?, values: [String], ttl: Int, path: [any CodingKey]
    ) throws {
        self.type = type
        self.address = address
        self.ttl = ttl
        self.name = try Self.ownerName(name, type, address, path)
        guard Self.ttlRange.contains(ttl) else {
            throw Self.fault(
                path + [CodingKeys.ttl], "\(ttl) s is out of range",
                "Give \(Self.ttlRange.lowerBound) to \(Self.ttlRange.upperBound) seconds")
        }
        guard (1...64).contains(values.count) else {
            throw Self.fault(
                path + [CodingKeys.values], values.isEmpty ? "there is no value" : "there are more than 64 values",
                "Give 1 to 64 values")
        }
        guard type != .cname || values.count == 1 else {
            throw Self.fault(path + [CodingKeys.values], "a CNAME has one target", "Give one host name")
        }
        var canonical: Set<String> = []
        for (index, value) in values.enumerated() {
            do {
                canonical.insert(try RecordValue.canonical(value, for: type))
            } catch {
                throw Self.fault(path + [CodingKeys.values, Index(index)], error.detail, error.remedy)
            }
        }
        self.values = canonical.sorted()
    }

    private static func ownerName(
        _ name: RecordName?, _ type: RecordType, _ address: IPAddress?, _ path: [any CodingKey]
    ) throws -> RecordName {
        guard type == .ptr else {
            guard address == nil else {
                throw fault(
                    path + [CodingKeys.address], "only a PTR record has an address of its own",
                    "Leave it out, or use type PTR")
            }
            guard let name else {
                throw fault(path + [CodingKeys.name], "the field is missing", "Give a name such as notes.home.arpa")
            }
            guard !name.text.hasSuffix(".in-addr.arpa"), !name.text.hasSuffix(".ip6.arpa") else {
                throw fault(
                    path + [CodingKeys.name], "the name is one of a reverse zone",
                    "Use type PTR with the address, from which the name follows")
            }
            return name
        }
        guard let address else {
            throw fault(
                path + [CodingKeys.address], "the field is missing",
                "Give the address whose name this is, such as 192.168.1.5")
        }
        let reverse = try address.reverseName
        guard name == nil || name == reverse else {
            throw fault(
                path + [CodingKeys.name], "the owner name of \(address) is \(reverse)",
                "Leave the name out: it follows from the address")
        }
        return reverse
    }

    private static func fault(_ path: [any CodingKey], _ detail: String, _ remedy: String) -> DecodingError {
        .dataCorrupted(
            .init(codingPath: path, debugDescription: detail, underlyingError: InvalidText(detail, remedy: remedy)))
    }

    /// The place of a value, in the path of an error.
    private struct Index: CodingKey {
        let intValue: Int?
        init(_ index: Int) { intValue = index }
        init?(intValue: Int) { self.intValue = intValue }
        init?(stringValue: String) { nil }
        var stringValue: String { intValue.map(String.init) ?? "" }
    }
}

extension RecordSpec: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, type, address, values, ttl
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            name: try container.decodeIfPresent(RecordName.self, forKey: .name),
            type: try container.decode(RecordType.self, forKey: .type),
            address: try container.decodeIfPresent(IPAddress.self, forKey: .address),
            values: try container.decode([String].self, forKey: .values),
            ttl: try container.decodeIfPresent(Int.self, forKey: .ttl) ?? Self.defaultTTL, path: decoder.codingPath)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        if address == nil { try container.encode(name, forKey: .name) }
        try container.encode(type, forKey: .type)
        try container.encodeIfPresent(address, forKey: .address)
        try container.encode(values, forKey: .values)
        try container.encode(ttl, forKey: .ttl)
    }
}
