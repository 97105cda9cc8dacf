import LabCore

/// What the shapes alone do not say: names that lead nowhere, rules that are wrong or doubled.
extension TraefikChecker {
    /// Every service and middleware that is named must exist, unless it is another provider's (`name@provider`).
    static func checkNames(_ sections: [String: JSONValue]) throws(Fault) {
        for protocolName in ["http", "tcp", "udp"] {
            guard let section = sections[protocolName] else { continue }
            let services = section["services"]?.objectValue ?? [:]
            let middlewares = section["middlewares"]?.objectValue ?? [:]
            for (name, router) in (section["routers"]?.objectValue ?? [:]).sorted(by: { $0.key < $1.key }) {
                let place = "/\(protocolName)/routers/\(name)"
                try require(router["service"], in: services, "service", at: "\(place)/service")
                for (index, used) in (router["middlewares"]?.arrayValue ?? []).enumerated() {
                    try require(used, in: middlewares, "middleware", at: "\(place)/middlewares/\(index)")
                }
            }
            for (name, middleware) in middlewares.sorted(by: { $0.key < $1.key }) {
                for used in middleware["chain"]?["middlewares"]?.arrayValue ?? [] {
                    try require(used, in: middlewares, "middleware", at: "/\(protocolName)/middlewares/\(name)/chain")
                }
                try require(
                    middleware["errors"]?["service"], in: services, "service",
                    at: "/\(protocolName)/middlewares/\(name)/errors/service")
            }
        }
    }

    private static func require(
        _ value: JSONValue?, in known: [String: JSONValue], _ kind: String, at place: String
    ) throws(Fault) {
        guard let name = value?.stringValue, !name.contains("@") else { return }
        guard known[name] != nil else { throw Fault(place: place, detail: "there is no \(kind) “\(name)”") }
    }

    /// Rules must parse, and no two routers of an entry point may have one rule at one priority.
    static func checkRules(_ document: JSONValue) throws(Fault) {
        for protocolName in ["http", "tcp"] {
            var seen: [String: String] = [:]
            let routers = document[protocolName]?["routers"]?.objectValue ?? [:]
            for (name, router) in routers.sorted(by: { $0.key < $1.key }) {
                let rule = router["rule"]?.stringValue ?? ""
                let place = "/\(protocolName)/routers/\(name)/rule"
                do {
                    try TraefikRule.check(rule, protocolName == "http" ? TraefikRule.http : TraefikRule.tcp)
                } catch {
                    throw Fault(place: place, detail: error.detail)
                }
                let entryPoints = router["entryPoints"]?.arrayValue?.compactMap(\.stringValue) ?? ["*"]
                for entryPoint in entryPoints {
                    let key = "\(entryPoint) \(router["priority"]?.intValue ?? 0) \(rule)"
                    if let other = seen[key] {
                        throw Fault(place: place, detail: "router “\(other)” has the same rule on \(entryPoint)")
                    }
                    seen[key] = name
                }
            }
        }
    }

    /// Servers are URLs with a host and no path, which Traefik would ignore.
    static func checkServices(_ document: JSONValue) throws(Fault) {
        for (name, service) in (document["http"]?["services"]?.objectValue ?? [:]).sorted(by: { $0.key < $1.key }) {
            for (index, server) in (service["loadBalancer"]?["servers"]?.arrayValue ?? []).enumerated() {
                let place = "/http/services/\(name)/loadBalancer/servers/\(index)/url"
                let text = server["url"]?.stringValue ?? ""
                do {
                    _ = try UpstreamURL(text)
                } catch {
                    throw Fault(place: place, detail: "“\(text)” is not a server's URL: \(error.detail)")
                }
            }
        }
    }
}
