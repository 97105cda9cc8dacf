import FoundationEssentials
import LabCore
import LabHTTPClient
import LabPostgres
import LabService
import LabState
import LabTesting
import Logging
import Synchronization

@testable import Provisioner

/// The kind Route as the proxy router would own it.
enum TestRoute: ResourceKind {
    typealias Spec = RouteDeclaration

    static let name = "Route"
    static let plural = "routes"
    static let summary = "A route, for tests."
    static let conditionTypes = ["Routed", "Resolvable", "Online"]
}

/// Stands for the proxy router: what it says of routes is told by the test.
final class TestProxy: Reconciler {
    typealias Kind = TestRoute

    let isOnline = Mutex(true)
    let seen = Mutex<[ResourceName: RouteDeclaration]>([:])

    func reconcile(_ batch: [Resource<RouteDeclaration>], _ context: ReconcileContext) async throws -> [Outcome] {
        let isOnline = isOnline.withLock { $0 }
        return batch.map { route in
            if route.isDeleted {
                seen.withLock { $0[route.name] = nil }
                return Outcome(route.name, .purge)
            }
            seen.withLock { $0[route.name] = route.spec }
            return Outcome(
                route.name, .done,
                conditions: [
                    .met("Routed", reason: "ProxyHasIt", message: "The proxy has \(route.spec.host)"),
                    .met("Resolvable", reason: "AnswerMatches", message: "\(route.spec.host) is 127.0.0.1"),
                    isOnline
                        ? .met(
                            "Online", reason: "ProbeAnswered", message: "https://\(route.spec.host) answered 200",
                            observation: ["milliseconds": 12.5])
                        : .unmet("Online", reason: "ProbeFailed", message: "https://\(route.spec.host) answered 502"),
                ])
        }
    }
}

/// The provisioner's reconciler and a stand-in for the proxy router, on a private database and a private directory.
struct AppFixture: Sendable {
    let store: ResourceStore
    let proxy: TestProxy
    let watch: RuntimeWatch
    let pages: PageStore
    let names: LabNames
    let logger: Logger

    /// - Parameter timeout: how long an upstream may take to answer.
    static func with(
        replicas: Int = 1, timeout: Duration = .seconds(5),
        _ body: @escaping @Sendable (AppFixture) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await withPrivatePostgres { server in
            try await withTemporaryDirectory { directory in
                let postgres = PostgresClient(
                    try PostgresConfiguration(connectionString: server.connectionString), logger: logger)
                try await postgres.migrate(LabMigrations.all)
                let http = HTTPClient(logger: logger)
                let store = ResourceStore(postgres: postgres)
                let names = try LabNames(domain: Hostname("home.arpa"))
                let pages = PageStore(directory: directory)
                let proxy = TestProxy()
                let runtimes = try Runtimes(
                    LabSettings([:]), http: http, postgres: postgres, timeout: timeout, logger: logger)
                let watches = (0..<replicas).map { number in
                    RuntimeWatch(runtimes, store: store, replica: "replica-\(number)", logger: logger)
                }
                let fixture = AppFixture(
                    store: store, proxy: proxy, watch: watches[0], pages: pages, names: names,
                    logger: logger)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (index, watch) in watches.enumerated() {
                        let wakeUps = WakeUps(postgres: postgres, logger: logger)
                        let docs = DocsWriter(pages, clock: SystemWallClock())
                        let apps = ReconcilerRuntime(
                            AppReconciler(
                                names: names, watch: watch, docs: docs, clock: SystemWallClock(),
                                interval: .milliseconds(500), troubledInterval: .milliseconds(250)),
                            store: store, wakeUps: wakeUps, replica: "replica-\(index)", logger: logger)
                        let routes = ReconcilerRuntime(
                            proxy, store: store, wakeUps: wakeUps, replica: "proxy-\(index)", logger: logger)
                        group.addTask { try await wakeUps.run() }
                        group.addTask { try await watch.run() }
                        group.addTask { try await apps.run() }
                        group.addTask { try await routes.run() }
                    }
                    group.addTask { try await body(fixture) }
                    defer { group.cancelAll() }
                    try await group.next()
                }
                await http.shutdown()
                await postgres.shutdown()
            }
        }
    }

    func declare(_ name: String, _ upstream: String, host: String? = nil, notes: String? = nil) async throws {
        let spec = AppSpec(
            upstream: try UpstreamURL(upstream), host: try host.map { try Hostname($0) },
            notes: try notes.map { try AppNotes($0) })
        let key = App.key(try ResourceName(name))
        try await store.declare(
            Declaration(key, spec: spec), telling: [NewEvent("app.declared", about: key, payload: ["by": "anna"])])
    }

    func remove(_ name: String) async throws {
        try await store.remove([App.key(try ResourceName(name))])
    }

    /// The condition as far as it speaks of the present generation.
    func condition(_ name: String, _ type: String) async throws -> Condition? {
        guard let (app, conditions) = try await store.resourceWithConditions(App.key(try ResourceName(name))) else {
            return nil
        }
        return conditions.current(type, generation: app.generation)
    }

    func isTrue(_ name: String, _ types: String...) async throws -> Bool {
        for type in types where try await condition(name, type)?.status != .true { return false }
        return true
    }

    func page(_ name: String) async throws -> String? { try await pages.read(.app(try AppName(name))) }

    func events(_ type: String) async throws -> [Event] {
        try await EventLog(postgres: store.postgres).latest(limit: 1000).filter { $0.type == type }
    }

    /// Has the stand-in look at all routes again.
    func setOnline(_ isOnline: Bool) async throws {
        proxy.isOnline.withLock { $0 = isOnline }
        try await store.wake(try await store.resources(kind: TestRoute.name).map(\.key))
    }
}
