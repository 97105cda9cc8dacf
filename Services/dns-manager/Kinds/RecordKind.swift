public import LabCore
public import LabService
import LabState

/// The kind `Record`: all DNS records of one type at one name.
public enum RecordKind: ManagedKind {
    public typealias Spec = RecordSpec

    public static let name = "Record"
    public static let plural = "records"
    public static let summary = "All DNS records of one type at one name, as the lab's resolver answers them."
    public static let operationPrefix = "dns.record"
    /// `Programmed`: the resolver holds it, now and after a restart. `Resolvable`: the resolver was asked over DNS and
    /// answered it.
    public static let conditionTypes = ["Programmed", "Resolvable"]

    public static let fields = [
        "name": "The owner name, such as notes.home.arpa; `*` as its first label makes it a wildcard. Not for PTR.",
        "type": "The record type.",
        "address": "Only for PTR: the address whose name is declared. The owner name follows from it.",
        "values": "The values: addresses, a target, `10 mail.home.arpa` (MX), `0 5 8080 nas.home.arpa` (SRV), "
            + "`0 issue \"letsencrypt.org\"` (CAA), or plain text without quotes (TXT).",
        "ttl": "Seconds that clients may keep the answer; 300 unless said otherwise.",
    ]

    /// Refuses what the resolver cannot hold or answer beside everything else that is declared.
    public static func admit(
        _ spec: RecordSpec, name: ResourceName, _ call: OperationCall
    ) async throws -> RecordSpec {
        let zones = try LabZones(call.lab.settings)
        if let refusal = RecordTable.refusal(ofName: name, for: spec) ?? zones.refusal(of: spec) {
            throw refusal.problem
        }
        let capabilities = try ResolverDrivers.driver(call.lab.settings).capabilities
        var neighbours = try await sets(at: spec.name, call)
        if let counterpart = RecordRules.counterpart(of: spec.name) {
            neighbours += try await sets(at: counterpart, call)
        }
        neighbours.removeAll { $0.name == spec.name && $0.type == spec.type }
        if let refusal = RecordRules.refusal(of: spec.set, beside: neighbours, on: capabilities) {
            throw refusal.problem
        }
        if spec.type == .cname { try await refuseLoop(spec, call) }
        return spec
    }

    private static func refuseLoop(_ spec: RecordSpec, _ call: OperationCall) async throws {
        var visited = [spec.name]
        var next = try spec.values.first.map { try RecordName($0) }
        while let target = next {
            guard !visited.contains(target), visited.count < 16 else {
                let way = (visited + [target]).map(\.text).joined(separator: " → ")
                throw RecordRefusal(
                    .aliasLoop, field: "/values/0", "the aliases lead back to themselves: \(way.prefix(500))",
                    remedy: "Let one of them point to a name with an address"
                ).problem
            }
            visited.append(target)
            next = try await sets(at: target, call).first { $0.type == .cname }?.values.first.map { try RecordName($0) }
        }
    }

    /// What is declared at a name and not being removed.
    private static func sets(at name: RecordName, _ call: OperationCall) async throws -> [RecordSet] {
        let names = RecordType.allCases.compactMap { try? RecordSet.resourceName(name, $0) }
        return try await call.lab.store.resources(kind: Self.name, names: names).filter { !$0.isDeleted }
            .compactMap { try? $0.spec.decode(RecordSpec.self).set }
    }
}
