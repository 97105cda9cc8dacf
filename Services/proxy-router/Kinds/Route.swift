public import LabCore
import LabPostgres
public import LabService
import LabState

/// A host name that leads to an upstream, over HTTPS, with a certificate and a DNS record of its own.
public enum Route: ManagedKind {
    public typealias Spec = RouteSpec

    public static let name = "Route"
    public static let plural = "routes"
    public static let summary = "A host name that leads to an upstream, with its certificate and its DNS record."
    public static let operationPrefix = "proxy.route"
    public static let conditionTypes = [Conditions.routed, Conditions.resolvable, Conditions.online]

    enum Conditions {
        static let routed = "Routed"
        static let resolvable = "Resolvable"
        static let online = "Online"
    }

    public static let fields = [
        "host": "Where people reach it; inside LAB_DOMAIN or LAB_ZONES. One route has a host.",
        "upstream":
            "The server behind it, as the proxy reaches it: http or https, host and port.",
        "pathPrefix": "A path to put before each request's own, for an upstream that does not serve at its root.",
        "title": "What people call it.",
        "healthPath": "What is asked for to see whether it answers. Default: /.",
        "maximumBodyMegabytes": "The largest request body in MB; 0, the default, is no limit.",
        "access": "Who may use it: public, lab (default) or owner.",
    ]

    /// Checks the host and what the proxy can do, and that no other route has the host.
    public static func admit(_ spec: RouteSpec, name: ResourceName, _ call: OperationCall) async throws -> RouteSpec {
        let domains = try LabDomains(call.lab.settings)
        let driver = try ProxyDriver(call.lab.settings)
        let rules = RouteRules(domains: domains, access: driver.access, proxy: driver.rawValue)
        if let refusal = rules.refusal(of: spec) { throw refusal.problem }
        if let other = try await holder(of: spec.host, besides: name, call.lab.store) {
            let detail = "“\(spec.host)” is the host of Route \(other)"
            let remedy = "Give another host, or remove Route \(other) first"
            throw Problem.conflict(
                detail, remedy: remedy, fields: [Problem.Field("/body/host", detail, remedy: remedy)])
        }
        return spec
    }

    private static func holder(
        of host: Hostname, besides name: ResourceName, _ store: ResourceStore
    ) async throws -> String? {
        let rows = try await store.postgres.query(
            """
            select name from lab.resource
            where kind = \(Self.name) and name <> \(name.text) and spec ->> 'host' = \(host.text) and deleted_at is null
            order by created_at limit 1
            """)
        return try rows.first?.value(at: 0, as: String.self)
    }
}

extension ProbePath: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        .string(pattern: "^/", minimumLength: 1, maximumLength: 1024, example: "/health")
    }
    public static var schemaExample: ProbePath { .root }
}

extension PathPrefix: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        .string(pattern: "^(/[A-Za-z0-9._~-]+)+$", minimumLength: 2, maximumLength: 255, example: "/app")
    }
    public static var schemaExample: PathPrefix { get throws { try PathPrefix("/app") } }
}

extension RouteSpec.Access: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema { .string(values: allCases.map(\.rawValue), example: "lab") }
    public static var schemaExample: RouteSpec.Access { .lab }
}
