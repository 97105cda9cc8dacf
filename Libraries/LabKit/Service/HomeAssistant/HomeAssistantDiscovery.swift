import LabCore
import LabMQTT
import LabState

/// Writes discovery documents. Facts on what which release takes: Home Assistant's MQTT integration, releases 2024.3
/// and 2026.2, by trial.
struct HomeAssistantDiscovery: Sendable {
    let options: HomeAssistantOptions
    /// The topic of the announcing service's availability.
    let availabilityTopic: MQTTTopic

    /// The retained documents of a device, by topic.
    func documents(of device: HomeAssistantDevice) throws -> [MQTTTopic: JSONText] {
        switch options.mode {
        case .device:
            var document: [String: JSONValue] = [
                "device": description(device), "origin": origin,
                "components": .object(
                    Dictionary(device.entities.map { ($0.key, .object(component(of: $0, device))) }) { first, _ in first
                    }),
            ]
            document["qos"] = 1
            return [try configurationTopic(device: device.id): try JSONText(encoding: JSONValue.object(document))]
        case .entity:
            var documents: [MQTTTopic: JSONText] = [:]
            for entity in device.entities {
                var document = component(of: entity, device)
                document["platform"] = nil
                document["device"] = description(device)
                document["origin"] = origin
                document["qos"] = 1
                let topic = try MQTTTopic(
                    "\(options.prefix)/\(entity.component.rawValue)/\(device.id)/\(entity.key)/config")
                documents[topic] = try JSONText(encoding: JSONValue.object(document))
            }
            return documents
        }
    }

    /// Filters under which the discovery documents of earlier runs lie.
    var configurationFilters: [String] {
        ["\(options.prefix)/device/+/config", "\(options.prefix)/+/+/+/config"]
    }

    /// Where a bridge writes to itself: below the prefix, where it may write and read in any case, and of a form that
    /// Home Assistant does not take for a document.
    func markerTopic(idPrefix: String) throws -> MQTTTopic {
        try MQTTTopic("\(options.prefix)/lab/\(idPrefix)/read")
    }

    /// The topics of states that a document names. Others than the lab's are left out, since anyone who may announce
    /// devices can have written it.
    func stateTopics(in document: String) -> [MQTTTopic] {
        guard let document = try? JSONText(trusted: document).decode(JSONValue.self) else { return [] }
        let components = (document["components"]?.objectValue ?? [:]).values
        return ([document] + components).compactMap { $0["state_topic"]?.stringValue }
            .filter { $0.hasPrefix("lab/v1/") }.compactMap { try? MQTTTopic($0) }
    }

    /// The device that a discovery topic belongs to, or nil when it is none of that form.
    func deviceID(of topic: MQTTTopic) -> String? {
        let parts = topic.text.split(separator: "/").map(String.init)
        let prefixLength = options.prefix.split(separator: "/").count
        let rest = parts.dropFirst(prefixLength)
        guard topic.text.hasPrefix(options.prefix + "/"), rest.last == "config" else { return nil }
        if rest.count == 3, rest.first == "device" { return rest.dropFirst().first }
        if rest.count == 4 { return rest.dropFirst().first }
        return nil
    }

    private func configurationTopic(device id: String) throws -> MQTTTopic {
        try MQTTTopic("\(options.prefix)/device/\(id)/config")
    }

    private func description(_ device: HomeAssistantDevice) -> JSONValue {
        var members: [String: JSONValue] = [
            "identifiers": [.string(device.id)], "name": .string(device.name), "manufacturer": "homelab",
            "model": .string(device.model), "sw_version": .string(LabVersion.current),
        ]
        if let url = device.url { members["configuration_url"] = .string(url) }
        return .object(members)
    }

    private var origin: JSONValue { ["name": "homelab", "sw_version": .string(LabVersion.current)] }

    private func component(of entity: HomeAssistantEntity, _ device: HomeAssistantDevice) -> [String: JSONValue] {
        let objectID = "\(device.id)_\(entity.key)"
        var members = entity.attributes
        members["platform"] = .string(entity.component.rawValue)
        members["name"] = .string(entity.name)
        members["unique_id"] = .string(objectID)
        // Older releases take the first and ignore the second, newer ones the other way round.
        members["object_id"] = .string(objectID)
        members["default_entity_id"] = .string("\(entity.component.rawValue).\(objectID)")
        var availability: [JSONValue] = [["topic": .string(availabilityTopic.text)]]
        if let commandTopic = entity.commandTopic {
            members["command_topic"] = .string(commandTopic.text)
            if device.state["can_restart"] != nil {
                availability.append([
                    "topic": .string(device.stateTopic.text),
                    "value_template": "{{ 'online' if value_json.can_restart else 'offline' }}",
                ])
            }
        } else {
            members["state_topic"] = .string(device.stateTopic.text)
            if entity.attributes["device_class"] == "timestamp" {
                // Release 2024.3 warns of a time that is not known yet, so the entity is unavailable until it is.
                members["value_template"] = .string("{{ value_json.\(entity.key) or '1970-01-01T00:00:00Z' }}")
                availability.append([
                    "topic": .string(device.stateTopic.text),
                    "value_template": .string("{{ 'online' if value_json.\(entity.key) else 'offline' }}"),
                ])
            } else {
                members["value_template"] = .string("{{ value_json.\(entity.key) }}")
            }
        }
        members["availability"] = .array(availability)
        members["availability_mode"] = "all"
        return members
    }
}
