import LabCore
import LabService
import LabState

/// `GET /v1/dns/zones`
struct ListZones: Operation {
    struct Input: Codable, Sendable {}

    struct Output: Codable, Sendable {
        struct Zone: Codable, Sendable {
            let name: Hostname
            /// Whether a name that is not declared does not exist; otherwise it is looked up in the public tree.
            let isComplete: Bool
            let records: Int
        }

        let items: [Zone]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "dns.zones.list", "Lists the zones that the lab answers for, with how many records each has.",
            safety: .read, .get, "/v1/dns/zones", phrases: ["list the DNS zones"])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let zones = try LabZones(call.lab.settings)
        var counts: [Hostname: Int] = [:]
        for record in try await call.lab.store.resources(RecordKind.self).readable {
            if let zone = zones.zone(of: record.spec.name) { counts[zone.name, default: 0] += 1 }
        }
        return Output(
            items: zones.zones.map { .init(name: $0.name, isComplete: $0.isComplete, records: counts[$0.name] ?? 0) })
    }
}
