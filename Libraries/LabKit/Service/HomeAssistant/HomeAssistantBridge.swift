import LabCore
public import LabMQTT
public import LabState
public import Logging
import Synchronization

/// Keeps Home Assistant's picture of a service's devices true: discovery and states retained, everything once more
/// when the broker or Home Assistant comes back, devices that are gone taken away.
public struct HomeAssistantBridge: Sendable {
    private let mqtt: MQTTClient
    private let wakeUps: WakeUps
    private let options: HomeAssistantOptions
    private let discovery: HomeAssistantDiscovery
    private let idPrefix: String
    private let logger: Logger
    /// Changes that come together are told together.
    private let settleTime: Duration = .milliseconds(200)
    private let refreshInterval: Duration = .seconds(300)

    /// - Parameters:
    ///   - idPrefix: what the ids of this bridge's devices begin with; devices of earlier runs with this prefix that
    ///     are not among the present ones are taken away.
    ///   - availability: the retained topic that says whether the announcing service is there.
    public init(
        mqtt: MQTTClient, wakeUps: WakeUps, options: HomeAssistantOptions, idPrefix: String, availability: MQTTTopic,
        logger: Logger
    ) {
        self.mqtt = mqtt
        self.wakeUps = wakeUps
        self.options = options
        self.idPrefix = idPrefix
        self.logger = logger
        discovery = HomeAssistantDiscovery(options: options, availabilityTopic: availability)
    }

    /// Runs until the task is cancelled.
    ///
    /// - Parameters:
    ///   - devices: the present devices with their states.
    ///   - pressed: called with the command topic of a button that was pressed.
    public func run(
        commands: MQTTTopicFilter, devices: @escaping @Sendable () async throws -> [HomeAssistantDevice],
        pressed: @escaping @Sendable (MQTTTopic) async throws -> Void
    ) async throws {
        let staleness = Staleness()
        let announceAnew: @Sendable () -> Void = { [wakeUps] in
            staleness.set()
            wakeUps.signal(channel: WakeUps.conditionChannel)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await state in mqtt.connectionStates where state.isConnected { announceAnew() }
            }
            group.addTask { try await followBirth(announceAnew) }
            group.addTask { try await followCommands(commands, pressed) }
            group.addTask {
                try await announce(devices, takeStale: staleness.take)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func announce(
        _ devices: @Sendable () async throws -> [HomeAssistantDevice], takeStale: @Sendable () -> Bool
    ) async throws {
        var published: [MQTTTopic: String] = [:]
        try await wakeUps.follow(channel: WakeUps.conditionChannel) { awaitNext in
            while !Task.isCancelled {
                if takeStale() {
                    published = try await earlierDocuments()
                    try await update(try await devices(), &published, isComplete: true)
                } else {
                    try await update(try await devices(), &published, isComplete: false)
                }
                await awaitNext(refreshInterval)
                try await Task.sleep(for: settleTime)
            }
        }
    }

    /// Publishes what differs from what was published, configurations before states.
    private func update(
        _ devices: [HomeAssistantDevice], _ published: inout [MQTTTopic: String], isComplete: Bool
    ) async throws {
        var configurations: [MQTTTopic: String] = [:]
        var states: [MQTTTopic: String] = [:]
        for device in devices {
            for (topic, document) in try discovery.documents(of: device) { configurations[topic] = document.text }
            states[device.stateTopic] = try JSONText(encoding: device.state).text
        }
        for topic in published.keys where configurations[topic] == nil && states[topic] == nil {
            try await publish("", to: topic)
            published[topic] = nil
        }
        for wanted in [configurations, states] {
            for (topic, text) in wanted where isComplete || published[topic] != text {
                try await publish(text, to: topic)
                published[topic] = text
            }
        }
    }

    private func publish(_ text: String, to topic: MQTTTopic) async throws {
        try await mqtt.publish(
            MQTTMessage(topic: topic, payload: Array(text.utf8), qualityOfService: .atLeastOnce, isRetained: true))
    }

    /// The retained documents of this bridge's devices, which the broker sends at once after a subscription.
    private func earlierDocuments() async throws -> [MQTTTopic: String] {
        let filters = try discovery.configurationFilters.map { try MQTTTopicFilter($0) }
        let found = EarlierDocuments()
        // The reader ends with its task, so the subscription is one of a task that the time limit cancels.
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await mqtt.withSubscription(to: filters, qualityOfService: .atLeastOnce) { messages in
                        for try await message in messages {
                            guard let id = discovery.deviceID(of: message.topic), id.hasPrefix(idPrefix) else {
                                continue
                            }
                            found.take(message)
                        }
                    }
                } catch {
                    logger.debug("Reading earlier announcements ended", metadata: ["error": "\(error)"])
                }
            }
            group.addTask { try? await Task.sleep(for: .milliseconds(400)) }
            await group.next()
            group.cancelAll()
        }
        return found.documents
    }

    /// Home Assistant says `online` after each start, and is told everything anew; a little later, and not by all at
    /// once, since it has just begun to listen.
    private func followBirth(_ announceAnew: @escaping @Sendable () -> Void) async throws {
        let topic = try MQTTTopicFilter(options.birthTopic)
        try await mqtt.withSubscription(to: [topic], qualityOfService: .atLeastOnce) { messages in
            for try await message in messages where message.payload == Array("online".utf8) {
                try await Task.sleep(for: .milliseconds(Int.random(in: 1000...3000)))
                announceAnew()
            }
        }
    }

    private func followCommands(
        _ filter: MQTTTopicFilter, _ pressed: @escaping @Sendable (MQTTTopic) async throws -> Void
    ) async throws {
        try await mqtt.withSubscription(to: [filter], qualityOfService: .atLeastOnce) { messages in
            for try await message in messages {
                // A retained press is one of the past.
                guard !message.isRetained, message.payload == Array("PRESS".utf8) else { continue }
                do {
                    try await pressed(message.topic)
                } catch {
                    logger.warning(
                        "A button's press had no effect",
                        metadata: ["topic": "\(message.topic.text)", "error": "\(error)"])
                }
            }
        }
    }
}

/// Whether everything is to be told once more; taken by the one who does it.
private final class Staleness: Sendable {
    private let value = Mutex(true)

    func set() { value.withLock { $0 = true } }

    @Sendable func take() -> Bool {
        value.withLock { value in
            defer { value = false }
            return value
        }
    }
}

/// Discovery documents that the broker has kept.
private final class EarlierDocuments: Sendable {
    private let texts = Mutex<[MQTTTopic: String]>([:])

    var documents: [MQTTTopic: String] { texts.withLock { $0 } }

    func take(_ message: MQTTMessage) {
        guard !message.payload.isEmpty else { return }
        texts.withLock { $0[message.topic] = String(decoding: message.payload, as: UTF8.self) }
    }
}
