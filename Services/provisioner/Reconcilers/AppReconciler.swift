import FoundationEssentials
import LabCore
import LabService
import LabState
import Logging

/// Makes apps true: has each looked at by its runtime, declares its route, and writes its page once it is online.
///
/// No outcome waits for an app: a batch takes as long as the database and the docs directory do.
struct AppReconciler: Reconciler {
    typealias Kind = App

    let names: LabNames
    let watch: RuntimeWatch
    let docs: DocsWriter
    let clock: any WallClock
    /// How often an app is looked at; one that is not online more often.
    var interval: Duration = .seconds(60)
    var troubledInterval: Duration = .seconds(2)

    var options: ReconcilerOptions { ReconcilerOptions(batchSize: 50) }

    func reconcile(_ batch: [Resource<AppSpec>], _ context: ReconcileContext) async throws -> [Outcome] {
        var outcomes: [Outcome] = []
        var live: [(app: Resource<AppSpec>, name: AppName, host: Hostname)] = []
        var removed: [(app: Resource<AppSpec>, name: AppName)] = []
        for app in batch {
            do throws(InvalidText) {
                let name = try AppName(app.name.text)
                if app.isDeleted {
                    removed.append((app, name))
                } else {
                    live.append((app, name, try app.spec.host(of: name, in: names)))
                }
            } catch {
                outcomes.append(unusable(app, error))
            }
        }
        outcomes += try await reconcile(live, context.store)
        outcomes += try await remove(removed, context.store)
        return outcomes
    }

    // MARK: Declared apps

    private func reconcile(
        _ apps: [(app: Resource<AppSpec>, name: AppName, host: Hostname)], _ store: ResourceStore
    ) async throws -> [Outcome] {
        guard !apps.isEmpty else { return [] }
        let names = apps.map(\.app.name)
        let routeKeys = names.map(RouteDeclaration.key(of:))
        let holders = try await HostHolders(store: store, names: self.names).holders(of: apps.map(\.host))
        let routes = try await store.resources(kind: RouteDeclaration.kind, names: names)
        let conditions = try await store.conditions(of: routeKeys + apps.map(\.app.key))
        let changes = try await ChangeLog(store: store).latest(ofApps: names)
        return await withTaskGroup(of: Outcome.self) { group in
            for (app, name, host) in apps {
                guard let runnable = RunnableApp(name, app.spec) else {
                    group.addTask { nothingToRun(app) }
                    continue
                }
                let subject = RuntimeWatch.Subject(
                    app: runnable, runtime: app.spec.effectiveRuntime, isRemoved: false)
                let named = routes.first { $0.name == app.name }
                let route = named?.owner == app.key ? named : nil
                let routeConditions = conditions[RouteDeclaration.key(of: app.name)] ?? []
                let isOnline = routeConditions.contains {
                    $0.condition.type == "Online" && $0.condition.status == .true
                }
                let latest = watch.latest(
                    on: subject, youngerThan: isOnline ? interval : troubledInterval, orWhenTroubled: troubledInterval)
                let isTroubled = !isOnline || latest?.finding.isRunning == false
                let limit = isTroubled ? troubledInterval : interval
                let standing = AppStanding(
                    app: app, name: name, host: host, recorded: conditions[app.key] ?? [], route: route,
                    routeConditions: routeConditions, changes: changes[app.name] ?? [], finding: latest?.finding,
                    httpsPort: self.names.httpsPort)
                let refusal = refusal(of: standing, named: named, holders[host] ?? [])
                let next = max(.milliseconds(100), limit - (latest?.age ?? .zero))
                group.addTask {
                    if let refusal { return notRouted(standing, refusal, next) }
                    return await outcome(of: standing, next)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func outcome(of standing: AppStanding, _ next: Duration) async -> Outcome {
        let app = standing.app
        let event = standing.announcement
        var conditions = [standing.running].compactMap { $0 } + standing.copied
        conditions.append(await documented(standing, conditions, event))
        do {
            return Outcome(
                app.name, .after(next), conditions: conditions,
                declarations: try standing.routeDeclaration.map {
                    [try Declaration(RouteDeclaration.key(of: app.name), owner: app.key, spec: $0)]
                } ?? [],
                events: [event].compactMap { $0 })
        } catch {
            conditions.append(.unmet("Routed", reason: "RouteNotDeclared", message: "\(error)"))
            return Outcome(app.name, .retry, conditions: conditions)
        }
    }

    /// Writes the page when the app is online, keeps it up to date from then on, and says how it stands.
    private func documented(
        _ standing: AppStanding, _ conditions: [Condition], _ event: NewEvent?
    ) async -> Condition {
        let isOnline = standing.online?.status == .true
        do throws(PageError) {
            if isOnline {
                try await docs.write(page(standing, conditions, event))
            } else if try await docs.hasPage(standing.name) {
                try await docs.write(page(standing, conditions, event))
            }
        } catch {
            return .unmet("Documented", reason: error.reason, message: "\(error)")
        }
        guard isOnline || standing.wasDocumented else {
            return .unmet(
                "Documented", reason: "NotOnlineYet",
                message: "The page of generation \(standing.app.generation) is written once the app is online")
        }
        return .met(
            "Documented", reason: "PageWritten",
            message: "\(docs.path(of: standing.name)) was read back and says what is declared")
    }

    private func page(_ standing: AppStanding, _ fresh: [Condition], _ event: NewEvent?) -> AppPage {
        let now = clock.now
        let rows = App.conditionTypes.dropLast().compactMap { type -> AppPage.Row? in
            let recorded = standing.recorded.first { $0.condition.type == type }
            guard let condition = fresh.first(where: { $0.type == type }) else {
                return recorded.map {
                    AppPage.Row(condition: $0.condition, since: $0.transitionAt, observedAt: $0.observedAt)
                }
            }
            let since = recorded.flatMap { $0.condition.status == condition.status ? $0.transitionAt : nil }
            return AppPage.Row(condition: condition, since: since ?? now, observedAt: now)
        }
        let spec = standing.app.spec
        return AppPage(
            name: standing.name, title: standing.title, summary: spec.summary?.text, category: spec.category?.text,
            host: standing.host, runtime: spec.effectiveRuntime.rawValue, upstream: standing.upstream?.text ?? "—",
            notes: spec.notes?.text, since: standing.app.createdAt, generation: standing.app.generation,
            isPlatform: spec.platform == true, rows: rows,
            changes: [event.flatMap { Change($0, at: now) }].compactMap { $0 } + standing.changes,
            httpsPort: standing.httpsPort)
    }

    // MARK: Apps that get no route

    /// - Parameter named: whatever route has the app's name.
    private func refusal(
        of standing: AppStanding, named: Resource<JSONText>?, _ holders: [HostHolders.Holder]
    ) -> (reason: String, message: String)? {
        if let named, named.owner != standing.app.key {
            let owner = named.owner.map(\.description) ?? "a person"
            return (
                "RouteTaken",
                "\(named.key) was declared by \(owner). Remove it, or declare this app with another name"
            )
        }
        do {
            try names.check(standing.host)
        } catch {
            return ("HostOutsideZones", "\(error)")
        }
        guard let first = holders.first, first.name != standing.app.name else { return nil }
        return (
            "HostTaken",
            "“\(standing.host)” belongs to App \(first.name), which was declared first. Give this app another host"
        )
    }

    private func notRouted(
        _ standing: AppStanding, _ refusal: (reason: String, message: String), _ next: Duration
    ) -> Outcome {
        let unknown = ["Resolvable", "Online"].map { type in
            Condition.unknown(type, reason: refusal.reason, message: "There is no route. \(refusal.message)")
        }
        return Outcome(
            standing.app.name, .after(next),
            conditions: [standing.running].compactMap { $0 }
                + [.unmet("Routed", reason: refusal.reason, message: refusal.message)] + unknown,
            removals: standing.route.flatMap { $0.isDeleted ? nil : [$0.key] } ?? [])
    }

    /// Neither an upstream nor a Compose file, which only a direct declaration in the database can bring.
    private func nothingToRun(_ app: Resource<AppSpec>) -> Outcome {
        Outcome(
            app.name, .done,
            conditions: [
                .unmet("Running", reason: "NothingToRun", message: "Declare it with an upstream or a Compose file")
            ])
    }

    /// A name that no app can have, which only a direct declaration in the database can bring.
    private func unusable(_ app: Resource<AppSpec>, _ error: InvalidText) -> Outcome {
        Outcome(
            app.name, app.isDeleted ? .purge : .done,
            conditions: [.unmet("Running", reason: "UnusableName", message: "\(error)")])
    }

    // MARK: Removal

    /// In reverse: the route with all that it owns, then the app itself where its runtime keeps it, then the page.
    private func remove(
        _ apps: [(app: Resource<AppSpec>, name: AppName)], _ store: ResourceStore
    ) async throws -> [Outcome] {
        guard !apps.isEmpty else { return [] }
        let owned = try await store.owned(by: apps.map(\.app.key))
        var outcomes: [Outcome] = []
        for (app, name) in apps {
            outcomes.append(await remove(app, name, owned.filter { $0.owner == app.key }))
        }
        return outcomes
    }

    private func remove(_ app: Resource<AppSpec>, _ name: AppName, _ owned: [Resource<JSONText>]) async -> Outcome {
        guard owned.isEmpty else {
            let list = owned.map(\.key.description).joined(separator: ", ")
            return Outcome(
                app.name, .after(interval),
                conditions: [.unmet("Online", reason: "BeingRemoved", message: "Waits until \(list) is gone")],
                removals: owned.filter { !$0.isDeleted }.map(\.key))
        }
        guard let runnable = RunnableApp(name, app.spec) else { return Outcome(app.name, .purge) }
        let subject = RuntimeWatch.Subject(
            app: runnable, runtime: app.spec.effectiveRuntime, isRemoved: true,
            removesData: app.spec.volumes == .remove)
        switch watch.latest(on: subject, youngerThan: troubledInterval, orWhenTroubled: troubledInterval)?.finding {
        case .removed:
            break
        case .failed(let reason, let message):
            return Outcome(
                app.name, .after(troubledInterval),
                conditions: [.unknown("Running", reason: reason, message: message)])
        case .seen, .working, nil:
            return Outcome(app.name, .after(troubledInterval))
        }
        do {
            try await docs.remove(name)
        } catch {
            return Outcome(
                app.name, .retry, conditions: [.unmet("Documented", reason: error.reason, message: "\(error)")])
        }
        watch.forget(name)
        return Outcome(
            app.name, .purge,
            events: [
                NewEvent("app.removed", about: app.key, payload: ["title": .string(app.spec.title?.text ?? name.text)])
            ])
    }
}
