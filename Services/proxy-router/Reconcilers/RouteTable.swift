import LabCore
import LabState

/// What is declared and issued, as far as this replica has read it: what the proxy's state is made of.
actor RouteTable {
    private var routes: [ResourceName: Resource<RouteSpec>] = [:]
    private var certificates: [ResourceName: ServedCertificate] = [:]
    private var sights: [ResourceName: Prober.Sight] = [:]
    private var failures: [ResourceName: Int] = [:]
    private let rules: RouteRules

    init(rules: RouteRules) {
        self.rules = rules
    }

    func load(_ routes: [Resource<RouteSpec>], _ certificates: [ResourceName: ServedCertificate]) {
        self.routes = Dictionary(routes.filter { !$0.isDeleted }.map { ($0.name, $0) }) { first, _ in first }
        self.certificates = certificates
    }

    /// Takes the newest of some routes over; those that are to be removed are forgotten.
    func take(_ batch: [Resource<RouteSpec>]) {
        for route in batch {
            if route.isDeleted {
                routes[route.name] = nil
                certificates[route.name] = nil
                sights[route.name] = nil
                failures[route.name] = nil
            } else {
                routes[route.name] = route
            }
        }
    }

    func take(_ served: [ResourceName: ServedCertificate]) {
        certificates.merge(served) { $1 }
    }

    /// Which certificate of a route is known here.
    func fingerprint(_ name: ResourceName) -> String? { certificates[name]?.fingerprint }

    var names: [ResourceName] { Array(routes.keys) }

    /// The routes that have this host, the oldest first: it has the host.
    func holders(of host: Hostname) -> [ResourceName] {
        routes.values.filter { $0.spec.host == host }
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }.map(\.name)
    }

    /// Why each of these routes cannot be served; the others can.
    func refusals(of batch: [Resource<RouteSpec>]) -> [ResourceName: RouteRefusal] {
        let hosts = hosts
        var refusals: [ResourceName: RouteRefusal] = [:]
        for route in batch {
            refusals[route.name] = rules.refusal(of: route.spec) ?? taken(route, hosts)
        }
        return refusals
    }

    /// What the proxy is to serve: every route that can be served and has a certificate for its host.
    var state: ProxyState {
        let hosts = hosts
        return ProxyState(
            routes.values.compactMap { route in
                guard let certificate = certificates[route.name], rules.refusal(of: route.spec) == nil,
                    taken(route, hosts) == nil
                else { return nil }
                return ProxyRoute(
                    host: route.spec.host, upstream: route.spec.upstream, pathPrefix: route.spec.pathPrefix,
                    maximumBodyMegabytes: route.spec.maximumBodyMegabytes, certificate: certificate)
            })
    }

    /// A sight as a condition. One that differs from the last in nothing but a little time keeps that one's words, so
    /// that a route which stays as it is wakes nobody.
    func settle(_ name: ResourceName, _ sight: Prober.Sight) -> Condition {
        if let last = sights[name], last.essence == sight.essence, last.condition.status == sight.condition.status,
            sight.milliseconds <= max(last.milliseconds * 4, 20), sight.milliseconds * 4 >= last.milliseconds - 20
        {
            return last.condition
        }
        sights[name] = sight
        return sight.condition
    }

    /// Counts looks in a row at which a route was not online.
    func count(_ name: ResourceName, isOnline: Bool) -> Int {
        failures[name] = isOnline ? nil : (failures[name] ?? 0) + 1
        return failures[name] ?? 0
    }

    /// Who has each host: the oldest route.
    private var hosts: [Hostname: Resource<RouteSpec>] {
        Dictionary(routes.values.map { ($0.spec.host, $0) }) { left, right in
            (left.createdAt, left.id) <= (right.createdAt, right.id) ? left : right
        }
    }

    private func taken(_ route: Resource<RouteSpec>, _ hosts: [Hostname: Resource<RouteSpec>]) -> RouteRefusal? {
        guard let holder = hosts[route.spec.host], holder.name != route.name else { return nil }
        return RouteRefusal(
            reason: "HostTaken", field: "host",
            detail: "“\(route.spec.host)” is the host of the older Route \(holder.name)",
            remedy: "Give another host, or remove Route \(holder.name)")
    }
}
