import LabCore
public import LabMQTT
import LabPostgres
import LabState
import Logging

/// The retained topic that says whether a service is there, set by it and by its last will.
public enum ServiceAvailability {
    public static let online = "online"
    public static let offline = "offline"

    /// `lab/v1/services/<service>/availability`
    public static func topic(of service: String) throws -> MQTTTopic {
        try MQTTTopic("lab/v1/services/\(service)/availability")
    }
}

/// Announces a service itself: its availability on every connection, and its device in Home Assistant.
struct ServiceAnnouncer: Sendable {
    let service: String
    let summary: String
    let lab: LabContext
    let options: HomeAssistantOptions
    /// The event that a pressed restart button is recorded as; payload: `service`.
    static let restarted = "service.restarted"

    /// Starts the service's reconcilers and background work anew.
    let restart: @Sendable () -> Void

    func run() async throws {
        let availability = try ServiceAvailability.topic(of: service)
        let command = try MQTTTopic("lab/v1/services/\(service)/restart")
        let state = try MQTTTopic("lab/v1/services/\(service)/state")
        let bridge = HomeAssistantBridge(
            mqtt: lab.mqtt, wakeUps: lab.wakeUps, options: options,
            idPrefix: "lab_service_\(HomeAssistantDevice.identifier(service))_device", availability: availability,
            logger: lab.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await connection in lab.mqtt.connectionStates where connection.isConnected {
                    try await lab.mqtt.publish(
                        MQTTMessage(
                            topic: availability, payload: Array(ServiceAvailability.online.utf8),
                            qualityOfService: .atLeastOnce, isRetained: true))
                }
            }
            group.addTask {
                try await bridge.run(
                    commands: MQTTTopicFilter(command.text),
                    devices: { [try await device(state: state, command: command)] },
                    pressed: { _ in try await press() })
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func press() async throws {
        lab.logger.notice("The service starts anew: its restart button was pressed")
        try await lab.store.tell([NewEvent(Self.restarted, payload: ["service": .string(service)])])
        restart()
    }

    private var url: String {
        get throws {
            try Hostname("\(service).\(lab.settings.domain)").httpsURL(port: lab.settings.publicHTTPSPort)
        }
    }

    private func device(state: MQTTTopic, command: MQTTTopic) async throws -> HomeAssistantDevice {
        let clock = ContinuousClock()
        let start = clock.now
        let isHealthy = await lab.store.postgres.isHealthy()
        let took = clock.now - start
        return HomeAssistantDevice(
            id: "lab_service_\(HomeAssistantDevice.identifier(service))_device", name: "Lab service \(service)",
            model: "Service", url: try url, stateTopic: state,
            state: ["online": .string(isHealthy ? "ON" : "OFF"), "milliseconds": .number(took.milliseconds.rounded())],
            entities: [.online(), .responseTime(), .restart(command)])
    }
}
