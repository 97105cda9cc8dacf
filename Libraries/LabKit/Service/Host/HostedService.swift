import LabCore
import LabHTTPClient
import LabMQTT
import LabPostgres
import LabState
import Logging

/// One service in this process with what is its own: a database role, a broker connection with its last will, and the
/// service made from them.
struct HostedService: Sendable {
    let name: String
    let summary: String
    let kinds: [any ResourceKind.Type]
    let operations: [any Operation]
    let documents: [ServedDocument]
    let context: LabContext
    let mqtt: MQTTClient
    private let service: any LabService
    private let homeAssistant: HomeAssistantOptions

    var postgres: PostgresClient { context.store.postgres }

    init(_ type: any LabService.Type, settings: LabSettings, replica: String, logger: Logger) throws {
        let settings = settings.scoped(to: type.name)
        var logger = logger
        logger[metadataKey: "service"] = "\(type.name)"
        var database = try PostgresConfiguration(connectionString: settings.required("LAB_DATABASE_URL"))
        database.applicationName = "lab \(type.name)"
        let postgres = PostgresClient(database, logger: logger)
        mqtt = try MQTTClient(Self.brokerConfiguration(type.name, settings, replica: replica), logger: logger)
        name = type.name
        summary = type.summary
        kinds = type.kinds
        operations = type.operations
        context = LabContext(
            settings: settings, store: ResourceStore(postgres: postgres),
            wakeUps: WakeUps(postgres: postgres, logger: logger), mqtt: mqtt,
            http: HTTPClient(logger: logger), replica: replica, logger: logger)
        homeAssistant = try HomeAssistantOptions(settings)
        service = try type.init(context)
        documents = (service as? any HasDocuments)?.documents ?? []
    }

    /// What the service does beside answering requests.
    func parts(logger: Logger) -> [RunningPart] {
        let restarts = RestartSwitch()
        var parts = service.reconcilers.map { reconciler(part: $0, restarts, logger: logger) }
        parts += service.background.map { task in
            RunningPart("\(name): \(task.name)", logger: logger, restarts: restarts, task.run)
        }
        let announcer = ServiceAnnouncer(
            service: name, summary: summary, lab: context, options: homeAssistant,
            restart: { restarts.restart() })
        parts.append(RunningPart("\(name): announcement", logger: logger) { try await announcer.run() })
        return parts
    }

    private func reconciler(
        part reconciler: some Reconciler, _ restarts: RestartSwitch, logger: Logger
    ) -> RunningPart {
        let runtime = ReconcilerRuntime(
            reconciler, store: context.store, wakeUps: context.wakeUps, replica: context.replica, logger: logger)
        return RunningPart("\(name): reconciler", logger: logger, restarts: restarts) { try await runtime.run() }
    }

    private static func brokerConfiguration(
        _ service: String, _ settings: LabSettings, replica: String
    ) throws -> MQTTConfiguration {
        var configuration = MQTTConfiguration(
            host: settings["LAB_MQTT_HOST"] ?? "127.0.0.1",
            port: try settings.integer("LAB_MQTT_PORT", in: 1...65_535, default: 1883),
            clientID: "lab-\(service)-\(replica)")
        configuration.user = settings["LAB_MQTT_USER"]
        configuration.password = settings["LAB_MQTT_PASSWORD"].map { Secret($0) }
        configuration.will = MQTTMessage(
            topic: try ServiceAvailability.topic(of: service), payload: Array(ServiceAvailability.offline.utf8),
            qualityOfService: .atLeastOnce, isRetained: true)
        return configuration
    }
}
