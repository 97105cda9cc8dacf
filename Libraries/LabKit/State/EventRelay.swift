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
    /// Longer than the minute between two saves of the broker: what it took in since the last one dies with it.
    private let brokerMemory: Duration = .seconds(120)
    /// Longer than any subscriber's pause between two attempts to connect (30 s).
    private let subscribersReturn: Duration = .seconds(40)

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
    /// since it last saved is told once more; consumers know by the event's id what they had already.
    ///
    /// It may have forgotten sessions too, whose subscribers get nothing until they are back. So the same is told again
    /// when they have had the time. The first connection counts as well: the broker may have died with the relay.
    private func repeatAfterReconnect() async throws {
        let states = mqtt.connectionStates
        try await withThrowingDiscardingTaskGroup { group in
            for await state in states where state.isConnected {
                group.addTask {
                    try await repeatEvents(of: brokerMemory)
                    try await Task.sleep(for: subscribersReturn)
                    try await repeatEvents(of: brokerMemory + subscribersReturn)
                }
            }
        }
        // The client has ended; so does the relay, with its task.
        try await Task.sleep(for: .seconds(3600))
    }

    /// Tries until the database has taken it, which may restart as well as the broker.
    private func repeatEvents(of time: Duration) async throws {
        var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(5))
        while true {
            do {
                try await log.forgetRelayed(within: time)
                return wakeUps.signal(channel: WakeUps.eventChannel)
            } catch {
                try Task.checkCancellation()
                logger.debug("Events could not be repeated yet", metadata: ["error": "\(error)"])
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    private func relay(_ events: [Event]) async throws {
        for event in events {
            // Order matters to those who listen, so each waits for the one before; the broker's answer is quick.
            try await mqtt.publish(
                MQTTMessage(
                    topic: try MQTTTopic(Self.topicPrefix + event.type), payload: Array(event.document.text.utf8),
                    qualityOfService: .atLeastOnce))
        }
        try await log.markRelayed(events.map(\.sequence))
    }
}
