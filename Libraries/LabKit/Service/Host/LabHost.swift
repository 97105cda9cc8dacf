import LabCore
import LabHTTPClient
import LabMQTT
import LabPostgres
import LabState
public import Logging
import Metrics
public import ServiceLifecycle

/// Hosts services in one process: one API, one listener for the database's notifications, and for each service a
/// database role, a broker connection, its reconcilers and its background work.
///
/// `lab serve dns-manager` hosts one, `lab up` hosts all.
public struct LabHost: Service {
    private let types: [any LabService.Type]
    private let settings: LabSettings
    private let logger: Logger
    private let onReady: @Sendable (LabHostFacts) async throws -> Void

    /// - Parameters:
    ///   - services: what to host, in the order of their start.
    ///   - settings: see ``LabSettings``; a key with a service's name behind it, `LAB_DATABASE_URL_DNS_MANAGER`, is
    ///     that service's own.
    ///   - onReady: called once everything runs and the API answers.
    public init(
        _ services: [any LabService.Type], settings: LabSettings, logger: Logger,
        onReady: @escaping @Sendable (LabHostFacts) async throws -> Void = { _ in }
    ) {
        types = services
        self.settings = settings
        self.logger = logger
        self.onReady = onReady
    }

    /// Runs until the task is cancelled or asked to shut down gracefully.
    public func run() async throws {
        try await prepareDatabase()
        let replica =
            settings["LAB_REPLICA_ID"] ?? "\(settings["LAB_REPLICA"] ?? "lab")-\(UUIDv7().description.suffix(12))"
        let hosted = try types.map { try HostedService($0, settings: settings, replica: replica, logger: logger) }
        guard let first = hosted.first else {
            throw SettingError(key: "services", detail: "is empty", remedy: "Name at least one service")
        }
        let tokens = TokenStore(postgres: first.postgres, wakeUps: first.context.wakeUps)
        try await registerAdminToken(tokens)
        let api = try APIServer(
            title: OpenAPI.title(of: types), first: first, hosted: hosted, tokens: tokens,
            settings: settings,
            logger: logger)
        let relay = EventRelay(
            postgres: first.postgres, mqtt: first.mqtt, wakeUps: first.context.wakeUps, replica: replica,
            logger: logger)

        var running: [RunningPart] = []
        for service in hosted {
            running.append(RunningPart("database of \(service.name)", logger: logger) { await service.postgres.run() })
            // A broker that refuses this service's password will do so again: that ends the process, with the reason.
            running.append(
                RunningPart("broker of \(service.name)", logger: logger, isVital: true) {
                    try await service.mqtt.run()
                })
            running.append(
                RunningPart("notifications of \(service.name)", logger: logger) {
                    try await service.context.wakeUps.run()
                })
        }
        running.append(RunningPart("tokens", logger: logger) { try await tokens.run() })
        running.append(RunningPart("answers", logger: logger) { await api.answers.run(first.context.wakeUps) })
        running.append(RunningPart("relay", logger: logger) { try await relay.run() })
        for service in hosted {
            running += service.parts(logger: logger)
        }
        var services: [any Service] = running
        services.append(api.service(onReady: onReady))
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map {
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                }, logger: logger))
        try await group.run()
        for service in hosted {
            await service.context.http.shutdown()
            await service.postgres.shutdown()
        }
    }

    /// Migrates and makes roles when the owner's connection is known; otherwise that was done elsewhere.
    private func prepareDatabase() async throws {
        guard let url = settings["LAB_DATABASE_OWNER_URL"] else { return }
        let owner = PostgresClient(try PostgresConfiguration(connectionString: url), logger: logger)
        let settings = settings
        do {
            try await DatabaseSetup(owner: owner, logger: logger).run(services: types) { name in
                Secret(settings.scoped(to: name)["LAB_DATABASE_PASSWORD"] ?? "")
            }
        } catch {
            await owner.shutdown()
            throw error
        }
        await owner.shutdown()
    }

    /// The token that `lab up` made before the database existed.
    private func registerAdminToken(_ tokens: TokenStore) async throws {
        guard let token = settings["LAB_ADMIN_TOKEN"] else { return }
        try await tokens.register(Secret(token), name: "admin", scope: .admin)
    }
}

/// How a running host can be reached.
public struct LabHostFacts: Sendable {
    /// The port of the API, also when any free one was asked for.
    public let port: Int
}
