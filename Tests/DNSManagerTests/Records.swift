import FoundationEssentials
import LabCore
import Testing

@testable import DNSManager

/// Declares records in a table, as the reconciler would, with as few words as a test needs.
struct Declared {
    var table: RecordTable
    private var clock = 0.0

    init(
        zones: String = "", capabilities: ResolverCapabilities = UnboundResolver.capabilities
    ) throws {
        table = RecordTable(
            zones: try LabZones(domain: Hostname("home.arpa"), others: zones), capabilities: capabilities)
    }

    /// Declares a set; returns the names whose publication changed.
    @discardableResult
    mutating func put(
        _ name: String, _ type: RecordType, _ values: String..., ttl: Int = 300, as resource: String? = nil
    ) throws -> Set<RecordName> {
        let spec = try RecordSpec(name: RecordName(name), type: type, values: values, ttl: ttl)
        return try put(spec, as: resource)
    }

    @discardableResult
    mutating func put(_ spec: RecordSpec, as resource: String? = nil) throws -> Set<RecordName> {
        clock += 1
        let name = try resource.map { try ResourceName($0) } ?? spec.set.resourceName
        return table.apply([
            .declare(.init(resource: name, spec: spec, since: Date(timeIntervalSince1970: clock)))
        ])
    }

    @discardableResult
    mutating func remove(_ resource: String) throws -> Set<RecordName> {
        table.apply([.remove(try ResourceName(resource))])
    }

    func refusal(_ resource: String) throws -> RecordRefusal? {
        table.refusal(of: try ResourceName(resource))
    }

    /// What is published at a name, as `TYPE value, … TTL`.
    func published(_ name: String) throws -> [String] {
        (table.publication.names[try RecordName(name)] ?? []).map {
            "\($0.type.rawValue) \($0.values.joined(separator: ", ")) \($0.ttl)"
        }
    }
}
