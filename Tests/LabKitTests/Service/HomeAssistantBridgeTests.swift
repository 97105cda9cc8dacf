import LabCore
import LabPostgres
import LabState
import LabTesting
import Logging
import Synchronization
import Testing

@testable import LabMQTT
@testable import LabService

/// A bridge on a real broker, with the devices that a test gives it, and everything that is published beside it.
private final class BridgeFixture: Sendable {
    let broker: PrivateMosquitto
    /// The test's own connection.
    let mqtt: MQTTClient
    let wakeUps: WakeUps
    let devices = Mutex<[HomeAssistantDevice]>([])
    let presses = Mutex<[String]>([])
    private let published = Mutex<[MQTTMessage]>([])
    private let mode: HomeAssistantOptions.Mode
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private init(_ broker: PrivateMosquitto, _ mode: HomeAssistantOptions.Mode) throws {
        self.broker = broker
        self.mode = mode
        mqtt = try MQTTClient(Self.configuration(broker, "watcher"), logger: logger)
        // Nothing is asked of the database: changes are told within the process.
        wakeUps = WakeUps(
            postgres: PostgresClient(try PostgresConfiguration(connectionString: "host=127.0.0.1 port=9"), logger: logger),
            logger: logger)
    }

    static func with(
        _ mode: HomeAssistantOptions.Mode = .device,
        _ body: @escaping @Sendable (BridgeFixture) async throws -> Void
    ) async throws {
        try await withPrivateMosquitto { broker in
            let fixture = try BridgeFixture(broker, mode)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await fixture.mqtt.run() }
                group.addTask {
                    try await fixture.mqtt.withSubscription(to: [MQTTTopicFilter("#")]) { messages in
                        for try await message in messages where !message.isRetained {
                            fixture.published.withLock { $0.append(message) }
                        }
                    }
                }
                group.addTask { try await body(fixture) }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    private static func configuration(_ broker: PrivateMosquitto, _ client: String) throws -> MQTTConfiguration {
        var configuration = MQTTConfiguration(
            host: "127.0.0.1", port: broker.port, clientID: client,
            reconnectBackoff: Backoff(initial: .milliseconds(50), maximum: .milliseconds(300)))
        configuration.user = broker.user
        configuration.password = Secret(broker.password)
        return configuration
    }

    /// Runs the bridge, as one process of a service would, for the length of `body`.
    func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let mqtt = try MQTTClient(Self.configuration(broker, "service"), logger: logger)
        let bridge = HomeAssistantBridge(
            mqtt: mqtt, wakeUps: wakeUps, options: HomeAssistantOptions(mode: mode), idPrefix: "lab_app_",
            availability: try ServiceAvailability.topic(of: "provisioner"), logger: logger)
        let commands = try MQTTTopicFilter("lab/v1/apps/+/restart")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await mqtt.run() }
            group.addTask {
                while !Task.isCancelled {
                    // As the host does: what fails is begun anew.
                    try? await bridge.run(
                        commands: commands, devices: { self.devices.withLock { $0 } },
                        pressed: { topic in self.presses.withLock { $0.append(topic.text) } })
                    try? await Task.sleep(for: .milliseconds(100))
                }
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    func set(_ devices: [HomeAssistantDevice]) {
        self.devices.withLock { $0 = devices }
        wakeUps.signal(channel: WakeUps.conditionChannel)
    }

    func publish(_ text: String, to topic: String, isRetained: Bool = false) async throws {
        try await mqtt.publish(MQTTMessage(topic: try MQTTTopic(topic), text: text, isRetained: isRetained))
    }

    /// Whether the broker has kept the session of a subscription of the bridge's client.
    func brokerHasSession(ofSubscriptionTo filters: [String]) async throws -> Bool {
        let name = SubscriptionName.clientID(
            of: try filters.map { try MQTTTopicFilter($0) }, client: "service", taken: [])
        let client = try MQTTClient(Self.configuration(broker, name), logger: logger)
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await client.run()
                return false
            }
            group.addTask {
                for await case .connected(let sessionPresent) in client.connectionStates { return sessionPresent }
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    /// How often something was published at a topic since ``forget()``.
    func count(_ topic: String) -> Int { published.withLock { $0.count { $0.topic.text == topic } } }

    func forget() { published.withLock { $0 = [] } }

    /// What the broker has retained, by topic.
    func retained(_ filter: String = "#") async throws -> [String: String] {
        let end = "test/end/\(UUIDv7())"
        return try await mqtt.withSubscription(
            to: [try MQTTTopicFilter(filter), try MQTTTopicFilter(end)]
        ) { messages in
            try await publish("", to: end)
            var found: [String: String] = [:]
            for try await message in messages {
                if message.topic.text == end { break }
                if message.isRetained { found[message.topic.text] = message.text }
            }
            return found
        }
    }
}

@Suite("Home Assistant's bridge on a real broker", .serialized)
struct HomeAssistantBridgeTests {
    private static let notes = "homeassistant/device/lab_app_notes/config"
    private static let notesState = "lab/v1/apps/notes/state"

    @Test("devices of an earlier run that are gone are taken away with their states, and nobody else's")
    func staleDevices() async throws {
        try await BridgeFixture.with { fixture in
            let old = try HomeAssistantDiscoveryTests.device("old")
            fixture.set([old, try HomeAssistantDiscoveryTests.device("notes")])
            let foreign = "homeassistant/sensor/lamp/power/config"
            try await fixture.publish("{}", to: foreign, isRetained: true)
            // What an earlier release announced by entity goes too.
            let byEntity = "homeassistant/sensor/lab_app_notes/milliseconds/config"
            try await fixture.publish(
                #"{"state_topic":"lab/v1/apps/notes/state"}"#, to: byEntity, isRetained: true)
            try await fixture.run { () async throws in
                #expect(try await eventually { try await fixture.retained()[old.stateTopic.text] != nil })
            }

            fixture.devices.withLock { _ = $0.removeFirst() }
            try await fixture.run { () async throws in
                #expect(try await eventually { try await fixture.retained()[old.stateTopic.text] == nil })
                let retained = try await fixture.retained()
                #expect(Set(retained.keys) == [Self.notes, Self.notesState, foreign])
            }
        }
    }

    @Test("a device that does not change is not published again, neither on a change elsewhere nor by a new run")
    func unchanged() async throws {
        try await BridgeFixture.with { fixture in
            let notes = try HomeAssistantDiscoveryTests.device("notes")
            fixture.set([notes])
            try await fixture.run { () async throws in
                #expect(try await eventually { fixture.count(Self.notesState) == 1 })
                fixture.set([notes, try HomeAssistantDiscoveryTests.device("wiki")])
                #expect(try await eventually { fixture.count("lab/v1/apps/wiki/state") == 1 })
                fixture.set([notes, try HomeAssistantDiscoveryTests.device("wiki", milliseconds: 99)])
                #expect(try await eventually { fixture.count("lab/v1/apps/wiki/state") == 2 })
                #expect(fixture.count("homeassistant/device/lab_app_wiki/config") == 1)
                #expect(fixture.count(Self.notes) == 1)
                #expect(fixture.count(Self.notesState) == 1)
            }
            try await fixture.run { () async throws in
                // The state is told once in each run, the document is known to be there.
                #expect(try await eventually { fixture.count(Self.notesState) == 2 })
                #expect(fixture.count(Self.notes) == 1)
            }
        }
    }

    @Test("everything is told anew, once, when Home Assistant says that it is online, and not when it goes")
    func birth() async throws {
        try await BridgeFixture.with { fixture in
            fixture.set([try HomeAssistantDiscoveryTests.device("notes")])
            try await fixture.run { () async throws in
                #expect(try await eventually { fixture.count(Self.notesState) == 1 })
                fixture.forget()
                try await fixture.publish("offline", to: "homeassistant/status")
                try await fixture.publish("online", to: "homeassistant/status")
                #expect(try await eventually { fixture.count(Self.notesState) == 1 })
                #expect(fixture.count(Self.notes) == 1)
            }
        }
    }

    @Test("a broker that has lost what it had retained is told everything after the reconnect")
    func brokerWithoutMemory() async throws {
        try await BridgeFixture.with(.entity) { fixture in
            fixture.set([try HomeAssistantDiscoveryTests.device("notes")])
            try await fixture.run { () async throws in
                #expect(try await eventually { try await fixture.retained("homeassistant/#").count == 4 })
                for topic in try await fixture.retained().keys {
                    try await fixture.publish("", to: topic, isRetained: true)
                }
                #expect(try await fixture.retained("homeassistant/#").isEmpty)
                try await fixture.broker.killAndWaitUntilReady()
                #expect(try await eventually { try await fixture.retained("homeassistant/#").count == 4 })
                #expect(try await eventually { try await fixture.retained()[Self.notesState] != nil })
            }
        }
    }

    @Test("a press is passed on; a retained one and any other text are not")
    func presses() async throws {
        try await BridgeFixture.with { fixture in
            try await fixture.publish("PRESS", to: "lab/v1/apps/past/restart", isRetained: true)
            try await fixture.run { () async throws in
                #expect(
                    try await eventually {
                        try await fixture.publish("PRESS", to: "lab/v1/apps/notes/restart")
                        return fixture.presses.withLock { !$0.isEmpty }
                    })
                try await fixture.publish("restart", to: "lab/v1/apps/other/restart")
                try await fixture.publish("PRESS", to: "lab/v1/apps/last/restart")
                #expect(
                    try await eventually { fixture.presses.withLock { $0.contains("lab/v1/apps/last/restart") } })
                let pressed = fixture.presses.withLock { Set($0) }
                #expect(pressed == ["lab/v1/apps/notes/restart", "lab/v1/apps/last/restart"])
            }
        }
    }

    @Test("the broker keeps no session of the subscription that read what it has retained")
    func noSessionLeft() async throws {
        try await BridgeFixture.with { fixture in
            fixture.set([try HomeAssistantDiscoveryTests.device("notes")])
            try await fixture.run { () async throws in
                #expect(try await eventually { fixture.count(Self.notesState) == 1 })
            }
            let discovery = try HomeAssistantDiscoveryTests.discovery(.device)
            let read = discovery.configurationFilters + [try discovery.markerTopic(idPrefix: "lab_app_").text]
            #expect(try await !fixture.brokerHasSession(ofSubscriptionTo: read))
            // The bridge's run was cancelled, so that the sessions of what it follows are there, for the next one.
            #expect(try await fixture.brokerHasSession(ofSubscriptionTo: ["homeassistant/status"]))
        }
    }
}
