public import LabCore

/// All records of one type at one name, which DNS always gives and caches together (RFC 2181 section 5).
public struct RecordSet: Sendable, Hashable {
    /// The owner name; a wildcard keeps its `*`.
    public let name: RecordName
    public let type: RecordType
    /// Seconds that a client may keep the answer.
    public let ttl: Int
    /// Canonical values, sorted, none twice, at least one.
    public let values: [String]

    public init(name: RecordName, type: RecordType, ttl: Int, values: [String]) {
        self.name = name
        self.type = type
        self.ttl = ttl
        self.values = values
    }

    /// `notes.home.arpa:a`: the one name that a resource with this set can have, so that two resources never declare
    /// the same set.
    public var resourceName: ResourceName {
        get throws(InvalidText) { try Self.resourceName(name, type) }
    }

    static func resourceName(_ name: RecordName, _ type: RecordType) throws(InvalidText) -> ResourceName {
        try ResourceName("\(name.text):\(type.word)")
    }

    /// The same data at another name.
    func moved(to name: RecordName) -> RecordSet {
        RecordSet(name: name, type: type, ttl: ttl, values: values)
    }

    /// `A 192.168.1.5, 192.168.1.6 (TTL 300 s)`, for messages.
    public var summary: String {
        let shown = values.prefix(4).map { $0.count > 60 ? $0.prefix(60) + "…" : $0 }.joined(separator: ", ")
        return "\(type.rawValue) \(shown)\(values.count > 4 ? " and \(values.count - 4) more" : "") (TTL \(ttl) s)"
    }
}
