import LabCore
import LabState

/// What is declared and issued, as far as this replica has read it: what the proxy's state is made of.
actor RouteTable {
    private var routes: [ResourceName: Resource<RouteSpec>] = [:]
    private var certificates: [ResourceName: ServedCertificate] = [:]
    private var sights: [ResourceName: (sight: Prober.Sight, generation: Int64, at: ContinuousClock.Instant)] = [:]
    private var failures: [ResourceName: Int] = [:]
    /// Made when it is asked for, and again when something of it has changed: with a thousand routes that come up one
    /// by one it would be most of the work.
    private var made: (hosts: [Hostname: Resource<RouteSpec>], state: ProxyState)?
    /// What the proxy said to the present state; nil when it has not been asked, or may have changed since.
    private var applied: ProxyReport?
    /// Rises with every change and every doubt.
    private var version = 0
    private let rules: RouteRules

    init(rules: RouteRules) {
        self.rules = rules
    }

    func load(_ routes: [Resource<RouteSpec>], _ certificates: [ResourceName: ServedCertificate]) {
        self.routes = Dictionary(routes.filter { !$0.isDeleted }.map { ($0.name, $0) }) { first, _ in first }
        self.certificates = certificates
        forget()
    }

    /// Takes the newest of some routes over; those that are to be removed are forgotten.
    func take(_ batch: [Resource<RouteSpec>]) {
        for route in batch {
            if route.isDeleted {
                if routes[route.name] != nil { forget() }
                routes[route.name] = nil
                certificates[route.name] = nil
                sights[route.name] = nil
                failures[route.name] = nil
            } else {
                let known = routes[route.name]
                if known?.id != route.id || known?.generation != route.generation { forget() }
                routes[route.name] = route
            }
        }
    }

    func take(_ served: [ResourceName: ServedCertificate]) {
        certificates.merge(served) { $1 }
        if !served.isEmpty { forget() }
    }

    /// Which certificates of some routes are known here.
    func fingerprints(_ names: [ResourceName]) -> [ResourceName: String] {
        var known: [ResourceName: String] = [:]
        for name in names { known[name] = certificates[name]?.fingerprint }
        return known
    }

    /// Has the proxy asked again, whatever it said before.
    func forgetApplied() {
        version += 1
        applied = nil
    }

    private func forget() {
        made = nil
        forgetApplied()
    }

    var names: [ResourceName] { Array(routes.keys) }

    /// The routes that have this host, the oldest first: it has the host.
    func holders(of host: Hostname) -> [ResourceName] {
        routes.values.filter { $0.spec.host == host }
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }.map(\.name)
    }

    /// Why each of these routes cannot be served; the others can.
    func refusals(of batch: [Resource<RouteSpec>]) -> [ResourceName: RouteRefusal] {
        let hosts = make().hosts
        var refusals: [ResourceName: RouteRefusal] = [:]
        for route in batch {
            refusals[route.name] = rules.refusal(of: route.spec) ?? taken(route, hosts)
        }
        return refusals
    }

    /// What the proxy is to serve: every route that can be served and has a certificate for its host.
    var state: ProxyState { make().state }

    /// Has the proxy take the present state, unless it has said already that it did.
    func apply(to proxy: any Proxy) async throws(ProxyError) -> ProxyReport {
        if let applied { return applied }
        let version = version
        let report = try await proxy.apply(state)
        // Others may have come meanwhile, or doubts.
        if version == self.version { applied = report }
        return report
    }

    private func make() -> (hosts: [Hostname: Resource<RouteSpec>], state: ProxyState) {
        if let made { return made }
        let hosts = Dictionary(routes.values.map { ($0.spec.host, $0) }) { left, right in
            (left.createdAt, left.id) <= (right.createdAt, right.id) ? left : right
        }
        let fresh = (hosts, state(hosts))
        made = fresh
        return fresh
    }

    private func state(_ hosts: [Hostname: Resource<RouteSpec>]) -> ProxyState {
        ProxyState(
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
        var sight = sight
        if let last = sights[name]?.sight, last.essence == sight.essence,
            last.condition.status == sight.condition.status,
            sight.milliseconds <= max(last.milliseconds * 4, 20), sight.milliseconds * 4 >= last.milliseconds - 20
        {
            sight = last
        }
        sights[name] = (sight, routes[name]?.generation ?? 0, .now)
        return sight.condition
    }

    /// The routes of these that were seen online less than a second ago, as they are now. A route comes up again as soon
    /// as its record is answered, which says nothing new about its page; when many come up, that look can wait.
    func justSeen(_ batch: [Resource<RouteSpec>]) -> [ResourceName: Prober.Sight] {
        let earliest = ContinuousClock.now - .seconds(1)
        var seen: [ResourceName: Prober.Sight] = [:]
        for route in batch {
            guard let last = sights[route.name], last.at > earliest, last.generation == route.generation,
                last.sight.condition.status == .true
            else { continue }
            seen[route.name] = last.sight
        }
        return seen
    }

    /// Counts looks in a row at which a route was not online.
    func count(_ name: ResourceName, isOnline: Bool) -> Int {
        failures[name] = isOnline ? nil : (failures[name] ?? 0) + 1
        return failures[name] ?? 0
    }

    private func taken(_ route: Resource<RouteSpec>, _ hosts: [Hostname: Resource<RouteSpec>]) -> RouteRefusal? {
        guard let holder = hosts[route.spec.host], holder.name != route.name else { return nil }
        return RouteRefusal(
            reason: "HostTaken", field: "host",
            detail: "“\(route.spec.host)” is the host of the older Route \(holder.name)",
            remedy: "Give another host, or remove Route \(holder.name)")
    }
}
