import LabCore
import LabState

/// What a route owns: its certificate and its DNS record.
///
/// The record is the DNS manager's kind. Services share the database and no code, so this is the proxy router's side of
/// that contract.
struct RouteNeeds: Sendable {
    struct RecordDeclaration: Codable, Sendable, Hashable {
        let name: Hostname
        let type: String
        let values: [String]
        let ttl: Int
    }

    static let recordKind = "Record"
    /// Seconds. Short, since the proxy may move.
    static let recordTTL = 60

    /// The address of the proxy, for the records.
    let address: IPLiteral

    func certificateKey(_ name: ResourceName) -> ResourceKey { ResourceKey(kind: ServerCertificate.name, name: name) }

    func recordKey(_ host: Hostname) throws -> ResourceKey {
        ResourceKey(kind: Self.recordKind, name: try ResourceName("\(host):\(recordType.lowercased())"))
    }

    func certificate(_ spec: RouteSpec) throws -> CertificateSpec { try CertificateSpec(names: [spec.host]) }

    /// What must be declared for a route, besides what it owns already.
    func missing(_ route: Resource<RouteSpec>, owned: [Resource<JSONText>]) throws -> [Declaration] {
        var missing: [Declaration] = []
        let certificate = try certificate(route.spec)
        if !Self.has(owned, certificateKey(route.name), certificate) {
            missing.append(try Declaration(certificateKey(route.name), owner: route.key, spec: certificate))
        }
        let record = RecordDeclaration(
            name: route.spec.host, type: recordType, values: [address.text], ttl: Self.recordTTL)
        if !Self.has(owned, try recordKey(route.spec.host), record) {
            missing.append(try Declaration(try recordKey(route.spec.host), owner: route.key, spec: record))
        }
        return missing
    }

    /// What it owns and does not need any more, such as the record of a former host.
    func surplus(_ route: Resource<RouteSpec>, owned: [Resource<JSONText>]) throws -> [ResourceKey] {
        let needed: Set = [certificateKey(route.name), try recordKey(route.spec.host)]
        return owned.filter { !needed.contains($0.key) && !$0.isDeleted }.map(\.key)
    }

    private var recordType: String { address.isVersion6 ? "AAAA" : "A" }

    private static func has<Spec: Decodable & Equatable>(
        _ owned: [Resource<JSONText>], _ key: ResourceKey, _ spec: Spec
    ) -> Bool {
        guard let found = owned.first(where: { $0.key == key }), !found.isDeleted else { return false }
        return (try? found.spec.decode(Spec.self)) == spec
    }
}
