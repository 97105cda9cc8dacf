import LabCore

/// Traefik's dynamic configuration (doc.traefik.io/traefik/v3, "dynamic configuration") for a state.
///
/// It is never empty: Traefik takes `{}` for "no routes", and refuses a document that holds an empty map. The
/// middleware that leads to HTTPS and the TLS options are always there, and do no harm without routes.
struct TraefikDocument: Sendable, Equatable {
    static let redirect = "lab-https"
    /// How upstreams that speak HTTPS are spoken to: machines of a lab mostly sign their own certificates.
    static let unverified = "lab-unverified"

    let root: JSONValue
    /// Byte-stable: sorted keys, nothing that depends on the time.
    let text: String

    init(_ state: ProxyState, _ settings: TraefikSettings) throws {
        var http: [String: JSONValue] = [:]
        var routers: [String: JSONValue] = [:]
        var services: [String: JSONValue] = [:]
        var middlewares: [String: JSONValue] = [
            Self.redirect: [
                "redirectScheme": [
                    "scheme": "https", "port": .string(String(settings.publicHTTPSPort)), "permanent": true,
                ]
            ]
        ]
        for route in state.routes {
            let name = route.host.text
            let rule: JSONValue = .string("Host(`\(name)`)")
            var used: [JSONValue] = []
            if let prefix = route.pathPrefix {
                middlewares["\(name)-prefix"] = ["addPrefix": ["prefix": .string(prefix.text)]]
                used.append(.string("\(name)-prefix"))
            }
            if route.maximumBodyMegabytes > 0 {
                let bytes = Int64(route.maximumBodyMegabytes) << 20
                middlewares["\(name)-body"] = ["buffering": ["maxRequestBodyBytes": .integer(bytes)]]
                used.append(.string("\(name)-body"))
            }
            var router: [String: JSONValue] = [
                "rule": rule, "service": .string(name), "entryPoints": [.string(settings.httpsEntryPoint)],
                // Without it the length of the rule's text decides between rules of others and ours.
                "priority": .integer(Self.priority), "tls": [:],
            ]
            if !used.isEmpty { router["middlewares"] = .array(used) }
            routers[name] = .object(router)
            routers["\(name)-http"] = [
                "rule": rule, "service": .string(name), "entryPoints": [.string(settings.httpEntryPoint)],
                "priority": .integer(Self.priority), "middlewares": [.string(Self.redirect)],
            ]
            var balancer: [String: JSONValue] = [
                "servers": [["url": .string(Self.server(route.upstream))]],
                // -1 ms: what an upstream sends is passed on at once.
                "responseForwarding": ["flushInterval": "-1ms"],
            ]
            if route.upstream.scheme == .https {
                balancer["serversTransport"] = .string(Self.unverified)
                http["serversTransports"] = [Self.unverified: ["insecureSkipVerify": true]]
            }
            services[name] = ["loadBalancer": .object(balancer)]
        }
        http["middlewares"] = .object(middlewares)
        if !routers.isEmpty {
            http["routers"] = .object(routers)
            http["services"] = .object(services)
        }
        var tls: [String: JSONValue] = [
            "options": ["default": ["minVersion": "VersionTLS12", "sniStrict": true]]
        ]
        if !state.routes.isEmpty {
            tls["certificates"] = .array(
                state.routes.map { route in
                    [
                        "certFile": .string(route.certificate.chainPEM),
                        "keyFile": .string(route.certificate.keyPEM.reveal()),
                    ]
                })
        }
        root = ["http": .object(http), "tls": .object(tls)]
        try TraefikChecker.check(root)
        text = SortedJSON.text(root)
    }

    private static let priority: Int64 = 1000

    /// A server's URL; Traefik ignores a path in it.
    private static func server(_ upstream: UpstreamURL) -> String {
        "\(upstream.scheme.rawValue)://\(upstream.authority)"
    }
}

/// What the document needs to know of Traefik's static configuration.
struct TraefikSettings: Sendable, Hashable {
    /// The entry points' names in Traefik's static configuration.
    var httpEntryPoint = "web"
    var httpsEntryPoint = "websecure"
    var publicHTTPSPort = 443
    /// The file for the file provider; nil for none. Its folder is what Traefik must watch.
    var file: String?
}
