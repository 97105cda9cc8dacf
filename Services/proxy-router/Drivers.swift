import LabService

/// The proxies that there are, by the name that `LAB_PROXY_DRIVER` gives.
enum ProxyDriver: String, Sendable, CaseIterable {
    case nginx
    case traefik

    init(_ settings: LabSettings) throws {
        let name = settings["LAB_PROXY_DRIVER"] ?? ProxyDriver.nginx.rawValue
        guard let driver = ProxyDriver(rawValue: name) else {
            throw SettingError(
                key: "LAB_PROXY_DRIVER", detail: "is “\(name)”",
                remedy: "Give \(Self.allCases.map(\.rawValue).joined(separator: " or "))")
        }
        self = driver
    }

    /// The kinds of access that it can enforce; known without a running proxy, for admission.
    var access: Set<RouteSpec.Access> {
        switch self {
        case .nginx: NginxProxy.features.access
        case .traefik: TraefikProxy.features.access
        }
    }
}
