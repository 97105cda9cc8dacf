import LabCore
import LabService
import LabState

/// `GET /v1/dns/unmanaged`
struct ListUnmanaged: Operation {
    struct Input: Codable, Sendable {}

    struct Output: Codable, Sendable {
        /// Each as `name TTL IN TYPE data`.
        let items: [String]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "dns.unmanaged.list",
            "Lists records that the resolver holds and that nobody declared: they are left alone.",
            safety: .read, .get, "/v1/dns/unmanaged", phrases: ["which DNS records are unmanaged?"])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let driver = try ResolverDrivers.driver(call.lab.settings)
        let resolver = try driver.makeResolver(call.lab.settings, logger: call.lab.logger)
        var table = RecordTable(zones: try LabZones(call.lab.settings), capabilities: resolver.capabilities)
        let declared = try await call.lab.store.resources(RecordKind.self).readable
        _ = table.apply(
            declared.map { .declare(.init(resource: $0.name, spec: $0.spec, since: $0.createdAt)) })
        do {
            return Output(items: try await resolver.compare(with: table.publication).unmanaged)
        } catch {
            throw Problem(
                .unavailable, title: "The resolver cannot be looked into", detail: error.detail,
                remedy: "See that the resolver is running")
        }
    }
}
