import LabCore
import LabMQTT
import LabState
import Testing

@testable import LabService

@Suite("Discovery documents")
struct HomeAssistantDiscoveryTests {
    static func discovery(
        _ mode: HomeAssistantOptions.Mode, prefix: String = "homeassistant"
    ) throws -> HomeAssistantDiscovery {
        HomeAssistantDiscovery(
            options: HomeAssistantOptions(mode: mode, prefix: prefix),
            availabilityTopic: try ServiceAvailability.topic(of: "provisioner"))
    }

    static func device(_ name: String = "my-notes", milliseconds: JSONValue = 12.5) throws -> HomeAssistantDevice {
        HomeAssistantDevice(
            id: "lab_app_" + HomeAssistantDevice.identifier(name), name: "My notes", model: "App",
            url: "https://\(name).home.arpa", stateTopic: try MQTTTopic("lab/v1/apps/\(name)/state"),
            state: ["online": "ON", "milliseconds": milliseconds, "certificate_expires": .null, "can_restart": false],
            entities: [
                .online(), .responseTime(), .certificateExpiry(),
                .restart(try MQTTTopic("lab/v1/apps/\(name)/restart")),
            ])
    }

    /// The documents with their topics, parsed.
    private func documents(_ mode: HomeAssistantOptions.Mode) throws -> [String: JSONValue] {
        let documents = try Self.discovery(mode).documents(of: Self.device())
        return Dictionary(
            uniqueKeysWithValues: try documents.map { ($0.key.text, try $0.value.decode(JSONValue.self)) })
    }

    @Test("by device there is one document, with each entity as a component of a platform")
    func byDevice() throws {
        let documents = try documents(.device)
        #expect(Array(documents.keys) == ["homeassistant/device/lab_app_my_notes/config"])
        let document = try #require(documents.values.first)
        let components = try #require(document["components"]?.objectValue)
        #expect(
            components.mapValues { $0["platform"]?.stringValue } == [
                "online": "binary_sensor", "milliseconds": "sensor", "certificate_expires": "sensor",
                "restart": "button",
            ])
        try checkDevice(document)
        for (key, component) in components { checkEntity(component, key: key) }
    }

    @Test("by entity there is one document each, with the whole device in every one and no platform")
    func byEntity() throws {
        let documents = try documents(.entity)
        #expect(
            documents.keys.sorted() == [
                "homeassistant/binary_sensor/lab_app_my_notes/online/config",
                "homeassistant/button/lab_app_my_notes/restart/config",
                "homeassistant/sensor/lab_app_my_notes/certificate_expires/config",
                "homeassistant/sensor/lab_app_my_notes/milliseconds/config",
            ])
        for (topic, document) in documents {
            #expect(document["platform"] == nil)
            try checkDevice(document)
            checkEntity(document, key: String(topic.split(separator: "/")[3]))
        }
    }

    private func checkDevice(_ document: JSONValue) throws {
        let device = try #require(document["device"])
        #expect(device["identifiers"] == ["lab_app_my_notes"])
        #expect(device["name"] == "My notes")
        #expect(device["configuration_url"] == "https://my-notes.home.arpa")
        #expect(document["origin"]?["name"] == "homelab")
        #expect(document["qos"] == 1)
    }

    private func checkEntity(_ entity: JSONValue, key: String) {
        let id = "lab_app_my_notes_\(key)"
        let domain = ["online": "binary_sensor", "restart": "button"][key] ?? "sensor"
        #expect(entity["unique_id"]?.stringValue == id)
        #expect(entity["object_id"]?.stringValue == id)
        #expect(entity["default_entity_id"]?.stringValue == "\(domain).\(id)")
        #expect(entity["name"]?.stringValue?.isEmpty == false)
        #expect(entity["availability_mode"] == "all")
        #expect(entity["availability"]?.arrayValue?.first == ["topic": "lab/v1/services/provisioner/availability"])
        if key == "restart" {
            #expect(entity["command_topic"] == "lab/v1/apps/my-notes/restart")
            #expect(entity["state_topic"] == nil)
            #expect(entity["availability"]?.arrayValue?.last?["topic"] == "lab/v1/apps/my-notes/state")
        } else {
            #expect(entity["state_topic"] == "lab/v1/apps/my-notes/state")
            #expect(entity["value_template"]?.stringValue?.contains("value_json.\(key)") == true)
        }
    }

    @Test("a button without can_restart in its device's state hangs on the service alone")
    func plainButton() throws {
        let device = HomeAssistantDevice(
            id: "lab_service_x_device", name: "x", model: "Service", url: nil,
            stateTopic: try MQTTTopic("lab/v1/services/x/state"), state: ["online": "ON"],
            entities: [.restart(try MQTTTopic("lab/v1/services/x/restart"))])
        let document = try #require(try Self.discovery(.entity).documents(of: device).values.first)
            .decode(JSONValue.self)
        #expect(document["availability"]?.arrayValue?.count == 1)
        #expect(document["device"]?["configuration_url"] == nil)
    }

    @Test(
        "an identifier has only what may stand in a discovery topic and in an entity's id",
        arguments: ["my-notes", "Ünï côde/+#", "a.b c", "HOME"])
    func identifiers(text: String) {
        let identifier = HomeAssistantDevice.identifier(text)
        #expect(identifier.utf8.count == text.count)
        #expect(identifier.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789_".contains($0) })
    }

    @Test(
        "every level of a topic between prefix and config is of characters that Home Assistant takes",
        arguments: HomeAssistantOptions.Mode.allCases)
    func topics(mode: HomeAssistantOptions.Mode) throws {
        for topic in try Self.discovery(mode, prefix: "home/ha").documents(of: Self.device("a-9")).keys {
            #expect(topic.text.hasPrefix("home/ha/"))
            #expect(topic.text.hasSuffix("/config"))
            let levels = topic.text.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2)
            #expect(
                levels.allSatisfy {
                    !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
                })
        }
    }

    @Test(
        "the device of a topic is found in both forms, and in no other topic", arguments: ["homeassistant", "home/ha"])
    func deviceOfTopic(prefix: String) throws {
        for mode in HomeAssistantOptions.Mode.allCases {
            let discovery = try Self.discovery(mode, prefix: prefix)
            for topic in try discovery.documents(of: Self.device()).keys {
                #expect(discovery.deviceID(of: topic) == "lab_app_my_notes")
                #expect(try discovery.configurationFilters.contains { try MQTTTopicFilter($0).matches(topic) })
            }
            let marker = try discovery.markerTopic(idPrefix: "lab_app_")
            #expect(try discovery.configurationFilters.allSatisfy { try !MQTTTopicFilter($0).matches(marker) })
            for other in ["\(prefix)/status", "\(prefix)/sensor/x/config", "other/device/x/config", marker.text] {
                #expect(try discovery.deviceID(of: MQTTTopic(other)) == nil)
            }
        }
    }

    @Test("a document tells the state topics of its device, but only topics of the lab")
    func stateTopics() throws {
        for mode in HomeAssistantOptions.Mode.allCases {
            let discovery = try Self.discovery(mode)
            let topics = try discovery.documents(of: Self.device()).values.flatMap {
                discovery.stateTopics(in: $0.text)
            }
            #expect(Set(topics.map(\.text)) == ["lab/v1/apps/my-notes/state"])
        }
        let discovery = try Self.discovery(.entity)
        #expect(discovery.stateTopics(in: #"{"state_topic":"zigbee2mqtt/lamp"}"#).isEmpty)
        #expect(discovery.stateTopics(in: "not JSON").isEmpty)
    }

    @Test("a form of discovery that does not exist is an error that says which there are")
    func wrongMode() throws {
        #expect(throws: SettingError.self) {
            try HomeAssistantOptions(LabSettings(["LAB_HOME_ASSISTANT_DISCOVERY": "devices"]))
        }
        let options = try HomeAssistantOptions(LabSettings(["LAB_HOME_ASSISTANT_DISCOVERY": "entity"]))
        #expect(options.mode == .entity)
        #expect(options.birthTopic == "homeassistant/status")
    }
}
