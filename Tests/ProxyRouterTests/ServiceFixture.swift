import FoundationEssentials
import LabCore
import LabCrypto
import LabHTTPClient
import LabMQTT
import LabPostgres
import LabServers
import LabService
import LabState
import LabTesting
import Synchronization
import Testing

@testable import ProxyRouter

/// The whole service on a real database, a real resolver and a real nginx; the DNS manager is stood in for.
struct ServiceFixture: Sendable {
    let lab: LabContext
    let service: ProxyRouterService
    let nginx: PrivateServer<RoutedNginx>
    let settings: ProxySettings
    let clock: ManualClock

    var store: ResourceStore { lab.store }
    var postgres: PostgresClient { lab.store.postgres }

    static func with(
        settings extra: [String: String] = [:], _ body: @escaping @Sendable (ServiceFixture) async throws -> Void
    ) async throws {
        let http = HTTPClient(logger: quiet)
        let ports = (0..<2).map { _ in LoopbackPort.free() }
        try await withPrivatePostgres { database in
            try await withPrivateUnbound { resolver in
                let common = [
                    "LAB_HTTP_PORT": String(ports[0]), "LAB_HTTPS_PORT": String(ports[1]),
                    "LAB_DNS_SERVER": "127.0.0.1:\(resolver.port)",
                ].merging(extra) { $1 }
                @Sendable func settings(_ directory: String) -> LabSettings {
                    LabSettings(
                        common.merging([
                            "LAB_NGINX_DIR": directory, "LAB_SEALING_KEY_FILE": "\(directory)/sealing.key",
                            "LAB_CA_FILE": "\(directory)/ca.pem",
                        ]) { first, _ in first })
                }
                try await withPrivateServer({ directory in
                    let nginx = try #require(try ProxySettings(settings(directory)).nginx)
                    return RoutedNginx(
                        inner: NginxServer(
                            directory: directory, ports: [ports[0], ports[1]],
                            configurationFile: nginx.configurationFile),
                        proxy: NginxProxy(nginx, client: http, logger: quiet))
                }) { nginx in
                    try await run(settings(nginx.directory), database, resolver, nginx, http, body)
                }
            }
        }
        await http.shutdown()
    }

    private static func run(
        _ settings: LabSettings, _ database: PrivatePostgres, _ resolver: PrivateUnbound,
        _ nginx: PrivateServer<RoutedNginx>, _ http: HTTPClient,
        _ body: @escaping @Sendable (ServiceFixture) async throws -> Void
    ) async throws {
        let postgres = PostgresClient(
            try PostgresConfiguration(connectionString: database.connectionString), logger: quiet)
        try await postgres.migrate(LabMigrations.all + ProxyRouterService.migrations)
        // The authority's dates are checked by nginx and clients, whose clock is the machine's.
        let clock = ManualClock(Date())
        let lab = LabContext(
            settings: settings, store: ResourceStore(postgres: postgres),
            wakeUps: WakeUps(postgres: postgres, logger: quiet),
            mqtt: try MQTTClient(MQTTConfiguration(host: "127.0.0.1", port: 1, clientID: "unused"), logger: quiet),
            http: http, clock: clock, replica: "one", logger: quiet)
        let service = try ProxyRouterService(lab)
        let fixture = ServiceFixture(
            lab: lab, service: service, nginx: nginx, settings: try ProxySettings(settings), clock: clock)
        do {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    try await lab.wakeUps.run()
                    return false
                }
                for reconciler in service.reconcilers + [RecordReconciler(resolver: resolver.server)] {
                    group.addTask {
                        try await fixture.runtime(reconciler)
                        return false
                    }
                }
                group.addTask {
                    try await body(fixture)
                    return true
                }
                defer { group.cancelAll() }
                while let isDone = try await group.next(), !isDone {}
            }
        } catch {
            await postgres.shutdown()
            throw error
        }
        await postgres.shutdown()
    }

    private func runtime(_ reconciler: some Reconciler) async throws {
        try await ReconcilerRuntime(
            reconciler, store: lab.store, wakeUps: lab.wakeUps, replica: lab.replica, logger: quiet
        ).run()
    }

    // MARK: What tests say

    func put(_ name: String, _ spec: RouteSpec) async throws {
        try await store.declare(Declaration(Self.key(name), spec: spec))
    }

    static func key(_ name: String) throws -> ResourceKey {
        ResourceKey(kind: Route.name, name: try ResourceName(name))
    }

    func condition(_ type: String, of name: String, kind: String = Route.name) async throws -> Condition? {
        let key = ResourceKey(kind: kind, name: try ResourceName(name))
        guard let (resource, conditions) = try await store.resourceWithConditions(key) else { return nil }
        return conditions.current(type, generation: resource.generation)
    }

    func waitUntilOnline(_ name: String) async throws -> Bool {
        try await eventually { try await condition("Online", of: name)?.status == .true }
    }

    func events(_ type: String) async throws -> Int {
        try await EventLog(postgres: postgres).latest(limit: 1000).filter { $0.type == type }.count
    }

    var call: OperationCall { OperationCall(caller: Caller(name: "tester", scope: .admin), lab: lab) }
}

/// Stands in for the DNS manager: declared records are answered by the resolver.
struct RecordReconciler: Reconciler {
    enum Kind: ResourceKind {
        typealias Spec = RouteNeeds.RecordDeclaration
        static let name = "Record"
        static let plural = "records"
        static let summary = "A record."
        static let conditionTypes = ["Resolvable"]
    }

    let resolver: UnboundServer

    func reconcile(
        _ batch: [Resource<RouteNeeds.RecordDeclaration>], _ context: ReconcileContext
    ) async throws -> [Outcome] {
        var outcomes: [Outcome] = []
        for record in batch {
            let spec = record.spec
            let command =
                record.isDeleted
                ? ["local_data_remove", spec.name.text]
                : ["local_data", spec.name.text, String(spec.ttl), "IN", spec.type, spec.values[0]]
            try await Program.run("unbound-control", ["-c", resolver.configurationFile] + command).orThrow()
            outcomes.append(
                record.isDeleted
                    ? Outcome(record.name, .purge)
                    : Outcome(
                        record.name, .done,
                        conditions: [
                            .met("Resolvable", reason: "AnswerMatches", message: "\(spec.name) is answered")
                        ]))
        }
        return outcomes
    }
}
