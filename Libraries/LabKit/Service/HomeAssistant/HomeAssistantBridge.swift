import LabCore
public import LabMQTT
public import LabState
public import Logging
import Synchronization

/// Keeps Home Assistant's picture of a service's devices true: discovery and states retained, what is missing told
/// again when the broker comes back, everything when Home Assistant does, devices that are gone taken away.
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
    ///   - commands: where presses of the devices' buttons arrive.
    ///   - devices: the present devices with their states; asked whenever conditions change.
    ///   - pressed: called with the command topic of a button that was pressed.
    /// - Throws: `MQTTError`, `Problem` when the broker does not tell what it has, and what `devices` throws.
    public func run(
        commands: MQTTTopicFilter, devices: @escaping @Sendable () async throws -> [HomeAssistantDevice],
        pressed: @escaping @Sendable (MQTTTopic) async throws -> Void
    ) async throws {
        let news = News()
        let tell: @Sendable (News.Item) -> Void = { [wakeUps] item in
            news.add(item)
            wakeUps.signal(channel: WakeUps.conditionChannel)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            // The first state is the present one, so this also begins the first announcement.
            group.addTask {
                for await state in mqtt.connectionStates where state.isConnected { tell(.brokerConnected) }
            }
            group.addTask { try await followBirth { tell(.homeAssistantStarted) } }
            group.addTask { try await followCommands(commands, pressed) }
            group.addTask { try await announce(devices, news) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    // MARK: Announcing

    private func announce(_ devices: @Sendable () async throws -> [HomeAssistantDevice], _ news: News) async throws {
        try await wakeUps.follow(channel: WakeUps.conditionChannel) { awaitNext in
            // What the broker has of this bridge; nil until it was asked.
            var retained: [MQTTTopic: String]?
            while !Task.isCancelled {
                let items = news.take()
                if items.contains(.brokerConnected) { retained = try await earlierDocuments() }
                if let present = retained {
                    retained = try await update(
                        present, to: try await devices(), tellsAll: items.contains(.homeAssistantStarted))
                }
                await awaitNext(refreshInterval)
                try await Task.sleep(for: settleTime)
            }
        }
    }

    /// Publishes what differs from what is retained, or everything; configurations before states.
    ///
    /// - Returns: what is retained now.
    private func update(
        _ retained: [MQTTTopic: String], to devices: [HomeAssistantDevice], tellsAll: Bool
    ) async throws -> [MQTTTopic: String] {
        var configurations: [MQTTTopic: String] = [:]
        var states: [MQTTTopic: String] = [:]
        for device in devices {
            for (topic, document) in try discovery.documents(of: device) { configurations[topic] = document.text }
            states[device.stateTopic] = try JSONText(encoding: device.state).text
        }
        // An empty message takes a retained one away, and with a configuration the entities.
        for topic in retained.keys where configurations[topic] == nil && states[topic] == nil {
            try await publish("", to: topic)
        }
        for wanted in [configurations, states] {
            for (topic, text) in wanted where tellsAll || retained[topic] != text {
                try await publish(text, to: topic)
            }
        }
        return configurations.merging(states) { first, _ in first }
    }

    private func publish(_ text: String, to topic: MQTTTopic) async throws {
        try await mqtt.publish(
            MQTTMessage(topic: topic, payload: Array(text.utf8), qualityOfService: .atLeastOnce, isRetained: true))
    }

    // MARK: What the broker has

    /// The retained documents of this bridge's devices, and the topics of their states with an empty text, so that
    /// states are told with each connection and go with their devices.
    ///
    /// The broker sends what it has retained after a subscription and does not say when it is through. So a marker is
    /// published once the subscription stands: the broker keeps the order of what it sends to one client, so what comes
    /// before the marker is all. Where the connection breaks meanwhile the marker may be lost with it; that is an error,
    /// and the next run begins anew.
    private func earlierDocuments() async throws -> [MQTTTopic: String] {
        let marker = MQTTMessage(topic: try discovery.markerTopic(idPrefix: idPrefix), text: UUIDv7().description)
        let filters = try (discovery.configurationFilters + [marker.topic.text]).map { try MQTTTopicFilter($0) }
        // The time limit cancels the reader alone and the subscription ends by itself, so that the broker forgets it.
        let found = try await mqtt.withSubscription(to: filters, qualityOfService: .atLeastOnce) { messages in
            try await withThrowingTaskGroup(of: [MQTTTopic: String]?.self) { group in
                group.addTask {
                    try await mqtt.publish(marker)
                    return try await documents(in: messages, before: marker)
                }
                group.addTask {
                    try await Task.sleep(for: .seconds(15))
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
        }
        guard let found else {
            throw Problem(
                .unavailable, title: "BrokerSilent",
                detail: "The broker did not tell what it has retained below \(options.prefix) within 15 s",
                remedy: "It is asked again; see whether the broker is overloaded")
        }
        var retained = found
        for topic in found.values.flatMap(discovery.stateTopics) { retained[topic] = "" }
        return retained
    }

    private func documents(
        in messages: MQTTMessages, before marker: MQTTMessage
    ) async throws -> [MQTTTopic: String]? {
        var found: [MQTTTopic: String] = [:]
        for try await message in messages {
            if message.topic == marker.topic, message.payload == marker.payload { return found }
            guard let id = discovery.deviceID(of: message.topic), id.hasPrefix(idPrefix) else { continue }
            found[message.topic] = message.payload.isEmpty ? nil : String(decoding: message.payload, as: UTF8.self)
        }
        return nil
    }

    // MARK: What Home Assistant says

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
                    try Task.checkCancellation()
                    logger.warning(
                        "A button's press had no effect",
                        metadata: ["topic": "\(message.topic.text)", "error": "\(error)"])
                }
            }
        }
    }
}

/// What has happened since the last announcement; taken by the one who announces.
private final class News: Sendable {
    enum Item: Sendable {
        case brokerConnected
        case homeAssistantStarted
    }

    private let items = Mutex<Set<Item>>([])

    func add(_ item: Item) { items.withLock { _ = $0.insert(item) } }

    func take() -> Set<Item> {
        items.withLock { items in
            defer { items = [] }
            return items
        }
    }
}
