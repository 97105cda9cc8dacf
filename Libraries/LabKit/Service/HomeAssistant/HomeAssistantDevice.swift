public import LabCore
public import LabMQTT
import LabState

/// How Home Assistant is told of devices.
public struct HomeAssistantOptions: Sendable {
    /// The form of discovery (https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery).
    public enum Mode: String, Sendable, CaseIterable {
        /// One document for a device with all its entities; releases from 2024.12 on.
        case device
        /// One document for each entity; every release.
        case entity
    }

    public let mode: Mode
    /// Home Assistant's discovery prefix.
    public let prefix: String
    /// Where Home Assistant says `online` after its start.
    public let birthTopic: String

    public init(
        mode: Mode = .device, prefix: String = "homeassistant", birthTopic: String = "homeassistant/status"
    ) {
        self.mode = mode
        self.prefix = prefix
        self.birthTopic = birthTopic
    }

    /// From `LAB_HOME_ASSISTANT_DISCOVERY` (device or entity), `LAB_HOME_ASSISTANT_PREFIX` and
    /// `LAB_HOME_ASSISTANT_STATUS_TOPIC`.
    ///
    /// - Throws: ``SettingError``.
    public init(_ settings: LabSettings) throws {
        var mode = Mode.device
        if let text = settings["LAB_HOME_ASSISTANT_DISCOVERY"] {
            guard let known = Mode(rawValue: text) else {
                throw SettingError(
                    key: "LAB_HOME_ASSISTANT_DISCOVERY", detail: "is “\(text)”",
                    remedy: "Set it to device, or to entity for releases before 2024.12")
            }
            mode = known
        }
        self.init(
            mode: mode,
            prefix: try settings.text("LAB_HOME_ASSISTANT_PREFIX", as: MQTTTopic.self, default: "homeassistant").text,
            birthTopic: try settings.text(
                "LAB_HOME_ASSISTANT_STATUS_TOPIC", as: MQTTTopic.self, default: "homeassistant/status"
            ).text)
    }
}

/// A device that Home Assistant shows, with its entities and their present values.
public struct HomeAssistantDevice: Sendable, Hashable {
    /// Its identity for ever, of `a-z 0-9 _`: `lab_app_notes`.
    public let id: String
    public let name: String
    public let model: String
    /// Where its page is.
    public let url: String?
    /// Retained JSON with the values of all entities.
    public let stateTopic: MQTTTopic
    /// The entities' values by their keys.
    public let state: [String: JSONValue]
    public let entities: [HomeAssistantEntity]

    public init(
        id: String, name: String, model: String, url: String?, stateTopic: MQTTTopic, state: [String: JSONValue],
        entities: [HomeAssistantEntity]
    ) {
        self.id = id
        self.name = name
        self.model = model
        self.url = url
        self.stateTopic = stateTopic
        self.state = state
        self.entities = entities
    }

    /// A text with everything that may not stand in an identifier replaced by `_`.
    public static func identifier(_ text: String) -> String {
        String(text.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}

/// One entity of a device.
public struct HomeAssistantEntity: Sendable, Hashable {
    public enum Component: String, Sendable {
        case binarySensor = "binary_sensor"
        case sensor
        case button
    }

    public let component: Component
    /// Its key in the device's state, and the last part of its identity.
    public let key: String
    public let name: String
    /// What the component's documentation allows beside: device_class, unit_of_measurement, entity_category…
    public let attributes: [String: JSONValue]
    /// Of a button: where its press arrives.
    public let commandTopic: MQTTTopic?

    public init(
        _ component: Component, _ key: String, name: String, attributes: [String: JSONValue] = [:],
        commandTopic: MQTTTopic? = nil
    ) {
        self.component = component
        self.key = key
        self.name = name
        self.attributes = attributes
        self.commandTopic = commandTopic
    }

    /// Whether something answers.
    public static func online(_ key: String = "online") -> HomeAssistantEntity {
        HomeAssistantEntity(
            .binarySensor, key, name: "Online", attributes: ["device_class": "connectivity"])
    }

    /// Milliseconds until the answer.
    public static func responseTime(_ key: String = "milliseconds") -> HomeAssistantEntity {
        HomeAssistantEntity(
            .sensor, key, name: "Response time",
            attributes: [
                "device_class": "duration", "unit_of_measurement": "ms", "state_class": "measurement",
                "suggested_display_precision": 1, "entity_category": "diagnostic",
            ])
    }

    /// When the certificate runs out, in RFC 3339. Home Assistant shows it as unavailable where it is null.
    public static func certificateExpiry(_ key: String = "certificate_expires") -> HomeAssistantEntity {
        HomeAssistantEntity(
            .sensor, key, name: "Certificate expiry",
            attributes: ["device_class": "timestamp", "entity_category": "diagnostic"])
    }

    /// Restarts it. Home Assistant shows the button as unavailable where the state says that `can_restart` is false.
    public static func restart(_ commandTopic: MQTTTopic) -> HomeAssistantEntity {
        HomeAssistantEntity(
            .button, "restart", name: "Restart",
            attributes: ["device_class": "restart", "entity_category": "config"], commandTopic: commandTopic)
    }
}
