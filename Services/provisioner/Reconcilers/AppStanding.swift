import LabCore
import LabService
import LabState

/// Where an app stands: what is declared, what was recorded, what was seen. From it follows what is to be recorded,
/// without asking anyone.
struct AppStanding: Sendable {
    let app: Resource<AppSpec>
    let name: AppName
    let host: Hostname
    /// The app's conditions as recorded.
    let recorded: [ObservedCondition]
    let route: Resource<JSONText>?
    let routeConditions: [ObservedCondition]
    /// The app's changes, newest first.
    let changes: [Change]
    let finding: RuntimeWatch.Finding?
    var httpsPort = 443

    /// What the route tells, in the order in which it comes true.
    static let routeTypes = ["Routed", "Resolvable", "Online"]

    /// Whether people reach it by HTTP.
    var isExposed: Bool { app.spec.exposed != false }
    var title: String { app.spec.title?.text ?? name.text }
    var url: String { host.httpsURL(port: httpsPort) }

    /// Where the proxy finds it; nil while that is not known.
    var upstream: UpstreamURL? {
        if case .seen(let observation) = finding, let seen = observation.upstream { return seen }
        return app.spec.upstream
    }

    /// nil while nothing is known that a route could lead to; one that is there stays.
    var routeDeclaration: RouteDeclaration? {
        guard let upstream, isExposed else { return nil }
        return RouteDeclaration(
            host: host, upstream: upstream, title: title, healthPath: app.spec.healthPath, access: app.spec.access)
    }

    /// Whether the runtime says that the app runs; nil while it was not asked.
    var running: Condition? {
        switch finding {
        case .seen(let seen):
            Condition(
                "Running", seen.isRunning ? .true : .false, reason: seen.reason, message: seen.message,
                observation: seen.numbers)
        case .working(let progress): .unknown("Running", reason: progress.phase, message: progress.message)
        case .failed(let reason, let message): .unknown("Running", reason: reason, message: message)
        case .removed, nil: nil
        }
    }

    /// The route's conditions, as far as they speak of what is declared now. What the proxy router has not looked at
    /// yet stays as it was recorded, with the generation that it was recorded of.
    var copied: [Condition] {
        guard isExposed else { return unexposed }
        guard let route, !route.isDeleted, let spec = try? route.spec.decode(RouteDeclaration.self),
            spec == routeDeclaration
        else { return [] }
        return Self.routeTypes.compactMap { routeConditions.current($0, generation: route.generation) }
    }

    /// The same of an app that nothing is to lead to: that it runs is all there is.
    private var unexposed: [Condition] {
        guard let running, running.status != .unknown else { return [] }
        return Self.routeTypes.map { type in
            running.status == .true
                ? .met(type, reason: "NotExposed", message: "It runs, and has no page that a route would lead to")
                : .unmet(type, reason: "NotRunning", message: "It has no page that a route would lead to")
        }
    }

    var online: Condition? { copied.first { $0.type == "Online" } }

    /// What is to be told: that it came online, with each generation once; that it is not any more.
    var announcement: NewEvent? {
        guard let online else { return nil }
        // An app of the same name that was removed is another one, though its generations had the same numbers.
        let last = changes.first { ["app.online", "app.offline"].contains($0.type) && $0.at >= app.createdAt }
        let before = recorded.first { $0.condition.type == "Online" }
        switch online.status {
        case .true:
            let isTold =
                last.map { $0.type == "app.online" && $0.generation == app.generation }
                ?? (before?.condition.status == .true && before?.observedGeneration == app.generation)
            return isTold ? nil : NewEvent("app.online", about: app.key, payload: payload(of: online))
        case .false:
            let wasOnline = last.map { $0.type == "app.online" } ?? (before?.condition.status == .true)
            return wasOnline ? NewEvent("app.offline", about: app.key, payload: payload(of: online)) : nil
        case .unknown:
            return nil
        }
    }

    /// Whether the page of this generation was written once.
    var wasDocumented: Bool {
        recorded.current("Documented", generation: app.generation)?.status == .true
    }

    private func payload(of online: Condition) -> JSONValue {
        [
            "title": .string(title), "host": .string(host.text), "url": .string(url),
            "upstream": .string(upstream?.text ?? ""), "generation": .integer(app.generation),
            "reason": .string(online.reason), "message": .string(online.message),
        ]
    }
}
