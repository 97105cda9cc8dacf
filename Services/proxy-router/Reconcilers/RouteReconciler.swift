import LabCore
import LabCrypto
import LabState
import Logging

/// Makes routes real: a certificate, a DNS record, the proxy's configuration; then looks whether they answer.
///
/// One replica at a time, because a proxy takes whole states. The record and the certificate are declared before the
/// proxy is changed, so that the DNS manager works meanwhile.
struct RouteReconciler: Reconciler {
    typealias Kind = Route

    let proxy: any Proxy
    let table: RouteTable
    let needs: RouteNeeds
    let certificates: CertificateStore
    let prober: Prober
    let logger: Logger

    var options: ReconcilerOptions {
        ReconcilerOptions(batchSize: 500, isExclusive: true, resyncInterval: .seconds(15))
    }

    private static let probesAtOnce = 64
    private static let nextLook: Duration = .seconds(60)
    /// After a look that was spared, since there had been one just before.
    private static let secondLook: Duration = .seconds(1)
    /// Between looks at a route that is not online.
    private static let eagerness = Backoff(initial: .milliseconds(100), maximum: .seconds(10))

    func begin(_ context: ReconcileContext) async throws {
        try await certificates.issuers.internal.prepare()
        let routes = try await context.store.resources(Route.self).readable
        await table.load(routes, try await certificates.served(routes.map(\.name)))
        do {
            _ = try await table.apply(to: proxy)
        } catch {
            // It is tried again with every pass; what is declared can be read meanwhile.
            logger.warning("The proxy does not take its state yet", metadata: ["error": "\(error)"])
        }
        // This process may have other settings than the last one, the proxy's address above all.
        try await context.store.wake(routes.map(\.key))
    }

    func resync(_ context: ReconcileContext) async throws -> [ResourceName] {
        guard try await !proxy.isServing(await table.state) else { return [] }
        await table.forgetApplied()
        let names = await table.names
        // Without routes there is nobody to wake.
        if names.isEmpty { _ = try await table.apply(to: proxy) }
        return names
    }

    func reconcile(_ batch: [Resource<RouteSpec>], _ context: ReconcileContext) async throws -> [Outcome] {
        await table.take(batch)
        let live = batch.filter { !$0.isDeleted }
        let refusals = await table.refusals(of: live)
        let wanted = live.filter { refusals[$0.name] == nil }
        let facts = try await RouteFacts(batch, needs, context.store)
        // What a route owns is declared first: the DNS manager works while the proxy is changed, and a certificate that
        // was issued and not declared would outlive its route when this process is killed in between.
        try await declare(wanted, facts, context.store)
        let faults = try await certify(wanted)
        var result = await apply()
        let routed = wanted.filter { faults[$0.name] == nil }
        let justSeen = await table.justSeen(routed)
        var sights = await probe(routed.filter { justSeen[$0.name] == nil })
        sights.merge(justSeen) { fresh, _ in fresh }
        if sights.values.contains(where: \.blamesProxy) {
            // What it said before may not hold any more.
            await table.forgetApplied()
            result = await apply()
        }
        // Read last: the DNS manager has worked meanwhile.
        try await facts.readRecords(live)

        var outcomes: [Outcome] = []
        for route in live {
            guard let refusal = refusals[route.name] else { continue }
            let surplus = facts.owned(by: route).filter { !$0.isDeleted }.map(\.key)
            outcomes.append(
                facts.outcome(
                    route, .done, routed: refusal.condition,
                    online: .unmet(Route.Conditions.online, reason: refusal.reason, message: "it is not routed"),
                    removals: surplus))
        }
        outcomes += try await judge(wanted, result, faults, sights, Set(justSeen.keys), facts)
        outcomes += await remove(batch.filter(\.isDeleted), result, facts, context.store)
        return outcomes
    }

    // MARK: Steps

    /// Issues the certificates that are missing or due, and takes over those that another pass renewed.
    ///
    /// - Returns: why a route has none.
    private func certify(_ routes: [Resource<RouteSpec>]) async throws -> [ResourceName: Condition] {
        guard !routes.isEmpty else { return [:] }
        let entries = try await certificates.entries(of: routes.map(\.name))
        let now = certificates.clock.now
        var due: [CertificateStore.Request] = []
        for route in routes {
            let spec = try needs.certificate(route.spec)
            if entries[route.name]?.suits(spec, at: now) == true { continue }
            due.append(CertificateStore.Request(name: route.name, spec: spec, former: entries[route.name]))
        }
        let issued = due.isEmpty ? [:] : try await certificates.issue(due)
        let known = await table.fingerprints(routes.map(\.name))
        var stale: [ResourceName] = []
        var faults: [ResourceName: Condition] = [:]
        for route in routes {
            let current: String?
            switch issued[route.name] {
            case .success(let entry): current = entry.fingerprint
            case .failure(let error):
                faults[route.name] = .unmet(
                    Route.Conditions.routed, reason: "NoCertificate", message: error.description)
                continue
            case nil: current = entries[route.name]?.fingerprint
            }
            if let current, known[route.name] != current { stale.append(route.name) }
        }
        if !stale.isEmpty { await table.take(try await certificates.served(stale)) }
        return faults
    }

    /// Declares what the routes own; where somebody else has declared one of it, the route goes on without.
    private func declare(
        _ routes: [Resource<RouteSpec>], _ facts: RouteFacts, _ store: ResourceStore
    ) async throws {
        let missing = try routes.flatMap { try needs.missing($0, owned: facts.owned(by: $0)) }
        guard !missing.isEmpty else { return }
        do {
            try await store.declare(missing)
        } catch let problem as Problem where problem.reason == .conflict {
            for declaration in missing {
                do {
                    try await store.declare(declaration)
                } catch let problem as Problem where problem.reason == .conflict {
                    facts.note(problem, against: declaration.key)
                }
            }
        }
    }

    private func apply() async -> Result<ProxyReport, ProxyError> {
        do throws(ProxyError) {
            return .success(try await table.apply(to: proxy))
        } catch {
            logger.warning("The proxy could not be changed", metadata: ["error": "\(error)"])
            return .failure(error)
        }
    }

    private func judge(
        _ routes: [Resource<RouteSpec>], _ result: Result<ProxyReport, ProxyError>,
        _ faults: [ResourceName: Condition], _ sights: [ResourceName: Prober.Sight], _ justSeen: Set<ResourceName>,
        _ facts: RouteFacts
    ) async throws -> [Outcome] {
        var isDoubtful = false
        var outcomes: [Outcome] = []
        for route in routes {
            let routed = faults[route.name] ?? Self.routed(route, result)
            var online = Condition.unmet(
                Route.Conditions.online, reason: routed.reason, message: "it is not routed: \(routed.message)")
            if let sight = sights[route.name] {
                // A look that was spared must not count as one, or a route that is woken often would never be looked at.
                online = justSeen.contains(route.name) ? sight.condition : await table.settle(route.name, sight)
            }
            let isOnline = online.status == .true
            if !isOnline { isDoubtful = true }
            let failures = await table.count(route.name, isOnline: isOnline && routed.status == .true)
            let jitter = Double.random(in: 0.85...1.15)
            let wait =
                if failures > 0 {
                    Self.eagerness.step(after: failures - 1) * jitter
                } else if justSeen.contains(route.name) {
                    Self.secondLook
                } else {
                    Self.aligned(Self.nextLook * jitter)
                }
            outcomes.append(
                facts.outcome(
                    route, .after(wait), routed: routed, online: online,
                    removals: routed.status == .true ? try needs.surplus(route, owned: facts.owned(by: route)) : []))
        }
        if isDoubtful { await table.forgetApplied() }
        return outcomes
    }

    /// A little longer than `wait`, so that what is due within the same two seconds is due at the same moment: a
    /// thousand routes are looked at in a dozen passes a minute, not in hundreds.
    private static func aligned(_ wait: Duration) -> Duration {
        let now = start.duration(to: .now)
        let due = ((now + wait).seconds / 2).rounded(.up) * 2
        return .seconds(due) - now
    }

    private static let start = ContinuousClock.now

    private func probe(_ routes: [Resource<RouteSpec>]) async -> [ResourceName: Prober.Sight] {
        await withTaskGroup(of: (ResourceName, Prober.Sight).self) { group in
            var waiting = routes[...]
            for route in waiting.prefix(Self.probesAtOnce) {
                group.addTask { (route.name, await prober.probe(route.spec)) }
            }
            waiting = waiting.dropFirst(Self.probesAtOnce)
            var sights: [ResourceName: Prober.Sight] = [:]
            while let (name, sight) = await group.next() {
                sights[name] = sight
                if let route = waiting.popFirst() {
                    group.addTask { (route.name, await prober.probe(route.spec)) }
                }
            }
            return sights
        }
    }

    private static func routed(_ route: Resource<RouteSpec>, _ result: Result<ProxyReport, ProxyError>) -> Condition {
        switch result {
        case .success(let report):
            if let words = report.refused[route.spec.host] {
                .unmet(Route.Conditions.routed, reason: "RefusedByProxy", message: "the proxy refuses it: \(words)")
            } else {
                .met(
                    Route.Conditions.routed, reason: "Configured",
                    message: "the proxy leads \(route.spec.host) to \(route.spec.upstream)")
            }
        case .failure(let error):
            .unmet(Route.Conditions.routed, reason: error.reason, message: error.description)
        }
    }

    /// Takes away, in this order: the proxy's configuration, which is verified; the record and the certificate; the
    /// route itself.
    private func remove(
        _ routes: [Resource<RouteSpec>], _ result: Result<ProxyReport, ProxyError>, _ facts: RouteFacts,
        _ store: ResourceStore
    ) async -> [Outcome] {
        var outcomes: [Outcome] = []
        for route in routes {
            let others = await table.holders(of: route.spec.host)
            if case .failure(let error) = result {
                outcomes.append(
                    Outcome(
                        route.name, .retry,
                        conditions: [
                            .unknown(Route.Conditions.routed, reason: error.reason, message: error.description)
                        ]))
                continue
            }
            if others.isEmpty {
                do {
                    guard try await !prober.isServed(route.spec.host, at: needs.address) else {
                        outcomes.append(
                            Outcome(
                                route.name, .after(.milliseconds(500)),
                                conditions: [
                                    .met(
                                        Route.Conditions.routed, reason: "StillServed",
                                        message: "the proxy still answers for \(route.spec.host)")
                                ]))
                        continue
                    }
                } catch {
                    logger.warning("A removed route could not be looked at", metadata: ["error": "\(error)"])
                    outcomes.append(Outcome(route.name, .retry))
                    continue
                }
            } else {
                // The next one has the host now.
                try? await store.wake(others.map { ResourceKey(kind: Route.name, name: $0) })
            }
            outcomes.append(
                Outcome(route.name, .purge, removals: facts.owned(by: route).filter { !$0.isDeleted }.map(\.key)))
        }
        return outcomes
    }
}
