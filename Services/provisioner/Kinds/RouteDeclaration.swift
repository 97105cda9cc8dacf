import LabCore
import LabState

/// The Route that an app needs, as the proxy router takes it. Services share the database and no code, so this is the
/// provisioner's side of that contract.
struct RouteDeclaration: Codable, Sendable, Hashable {
    static let kind = "Route"

    let host: Hostname
    let upstream: UpstreamURL
    let title: String
    let healthPath: HealthPath?
    let access: AppAccess?

    /// The route has the app's name.
    static func key(of app: ResourceName) -> ResourceKey { ResourceKey(kind: kind, name: app) }
}
