import LabCore
public import LabMQTT
public import LabPostgres
public import Logging

/// Relays recorded events to MQTT, `lab/v1/events/<type>`, at least once and in the order of recording.
///
/// One replica at a time relays. A broker that is away delays events and loses none: an event counts as relayed only
/// when the broker has acknowledged it.
public struct EventRelay: Sendable {
    public static let topicPrefix = "lab/v1/events/"

    private let log: EventLog
    private let lease: Lease
    private let mqtt: MQTTClient
    private let wakeUps: WakeUps
    private let logger: Logger
    private let batchSize = 256
    private let retention: Duration = .seconds(30 * 24 * 3600)

    public init(postgres: PostgresClient, mqtt: MQTTClient, wakeUps: WakeUps, replica: String, logger: Logger) {
        log = EventLog(postgres: postgres)
        lease = Lease("relay/events", holder: replica, postgres: postgres, logger: logger)
        self.mqtt = mqtt
        self.wakeUps = wakeUps
        self.logger = logger
    }

    public func run() async throws {
        try await lease.whileHeld {
            try await log.prune(olderThan: retention)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await relayAll() }
                group.addTask { try await repeatAfterReconnect() }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    private func relayAll() async throws {
        try await wakeUps.follow(channel: WakeUps.eventChannel) { awaitNext in
            while !Task.isCancelled {
                let events = try await log.unrelayed(limit: batchSize)
                if events.isEmpty {
                    await awaitNext(.seconds(10))
                } else {
                    try await relay(events)
                }
            }
        }
    }

    /// A broker that was killed may have acknowledged events and lost them before it passed them on. What it took in
    /// the last moments is told once more; consumers know by the event's id what they had already.
    private func repeatAfterReconnect() async throws {
        var wasConnected = false
        for await state in mqtt.connectionStates {
            if state.isConnected {
                guard wasConnected else {
                    wasConnected = true
                    continue
                }
                try await log.forgetRelayed(within: .seconds(30))
                wakeUps.signal(channel: WakeUps.eventChannel)
            }
        }
        // The client has ended; so does the relay, with its task.
        try await Task.sleep(for: .seconds(3600))
    }

    private func relay(_ events: [Event]) async throws {
        for event in events {
            // Order matters to those who listen, so each waits for the one before; the broker's answer is quick.
            try await mqtt.publish(
                MQTTMessage(
                    topic: try MQTTTopic(Self.topicPrefix + event.type), payload: Array(document(event).utf8),
                    qualityOfService: .atLeastOnce))
        }
        try await log.markRelayed(events.map(\.sequence))
    }

    /// What a consumer gets: `{"id", "type", "at", "kind", "name", "data"}`.
    private func document(_ event: Event) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("id")
            writer.string(event.id.description)
            writer.key("type")
            writer.string(event.type)
            writer.key("at")
            writer.string(event.occurredAt.rfc3339)
            if let subject = event.subject {
                writer.key("kind")
                writer.string(subject.kind)
                writer.key("name")
                writer.string(subject.name.text)
            }
            writer.key("data")
            writer.raw(JSONText(trusted: event.payload))
        }
        return writer.text
    }
}
