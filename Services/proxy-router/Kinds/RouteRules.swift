import LabCore
import LabState

/// Why a route cannot be served as it is declared, apart from what the proxy itself says.
struct RouteRefusal: Error, Sendable, Hashable {
    /// One word for a condition.
    let reason: String
    /// The field at fault.
    let field: String
    let detail: String
    let remedy: String

    var problem: Problem { .invalid("/body/\(field)", detail, remedy: remedy) }
    var condition: Condition { .unmet("Routed", reason: reason, message: "\(detail). \(remedy)") }
}

/// What a route must fulfil by itself.
struct RouteRules: Sendable {
    let domains: LabDomains
    let access: Set<RouteSpec.Access>
    /// The proxy's name, for messages.
    let proxy: String

    func refusal(of spec: RouteSpec) -> RouteRefusal? {
        guard domains.contains(spec.host) else {
            let list = domains.domains.map(\.text).joined(separator: ", ")
            return RouteRefusal(
                reason: "OutsideZones", field: "host", detail: "“\(spec.host)” lies outside the lab's zones (\(list))",
                remedy: "Use a name below \(domains.domain), or add its zone to LAB_ZONES")
        }
        guard spec.upstream.host != .name(spec.host.text) else {
            return RouteRefusal(
                reason: "UpstreamIsItself", field: "upstream",
                detail: "“\(spec.host)” is the route's own host, so the proxy would ask itself",
                remedy: "Give the address of the server behind it, such as http://192.168.1.20:8096")
        }
        if case .name(let name) = spec.upstream.host, Self.metadataNames.contains(name) {
            return RouteRefusal(
                reason: "UpstreamRefused", field: "upstream",
                detail: "“\(name)” is a cloud's metadata service, which no route may lead to",
                remedy: "Give the name of a machine in the lab")
        }
        guard access.contains(spec.access) else {
            return RouteRefusal(
                reason: "UnsupportedByDriver", field: "access",
                detail: "\(proxy) cannot keep a route for its owner alone",
                remedy: "Use lab, and have the app ask for a password")
        }
        return nil
    }

    /// What large clouds call the service at 169.254.169.254, besides the names that no upstream may have.
    private static let metadataNames: Set<String> = [
        "metadata", "metadata.goog", "instance-data", "instance-data.ec2.internal", "metadata.azure.internal",
        "metadata.platformequinix.com", "metadata.tencentyun.com",
    ]
}
