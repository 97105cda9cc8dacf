/// A family of topics that a service publishes or takes.
public struct ServiceTopic: Sendable, Hashable {
    public enum Direction: Sendable, Hashable {
        case publishes
        case takes
    }

    /// With wildcards: `lab/v1/apps/+/state`.
    public let filter: String
    public let direction: Direction
    public let isRetained: Bool
    /// What a payload is, in one sentence.
    public let summary: String

    public init(_ filter: String, _ direction: Direction, isRetained: Bool = false, _ summary: String) {
        self.filter = filter
        self.direction = direction
        self.isRetained = isRetained
        self.summary = summary
    }
}

extension LabService {
    /// What every service does on the broker, with what this one does beside.
    public static var allTopics: [ServiceTopic] {
        let own = "lab/v1/services/\(name)"
        return [
            ServiceTopic(
                "\(own)/availability", .publishes, isRetained: true, "`online`, or `offline` by the last will."),
            ServiceTopic("\(own)/state", .publishes, isRetained: true, "What Home Assistant shows of the service."),
            ServiceTopic(
                "\(own)/restart", .takes,
                "`PRESS` starts its reconcilers and background work anew; told as `service.restarted`."),
            ServiceTopic("lab/v1/events/+", .publishes, "Each recorded event, as JSON."),
        ] + topics
    }
}

/// The broker's access rules (mosquitto.conf(5), `acl_file`): each service may do what it declares and no more.
public enum BrokerAccess {
    /// The broker's user of a service: `lab-dns-manager`.
    public static func user(of service: String) -> String { "lab-" + service }

    /// - Parameters:
    ///   - person: the user for people and Home Assistant: reads everything of the lab, presses buttons.
    ///   - homeAssistant: where Home Assistant looks for devices, and says that it has started.
    public static func rules(
        for services: [any LabService.Type], person: String,
        homeAssistant: HomeAssistantOptions = HomeAssistantOptions()
    ) -> String {
        let discovery = "topic readwrite \(homeAssistant.prefix)/#"
        var lines: [String] = []
        for service in services {
            lines.append("user \(user(of: service.name))")
            lines += service.allTopics.map { topic in
                "topic \(topic.direction == .publishes ? "write" : "read") \(topic.filter)"
            }
            // Discovery documents of earlier runs are read back, so that devices that are gone can be taken away.
            lines.append(discovery)
            lines.append("topic read \(homeAssistant.birthTopic)")
            lines.append("")
        }
        lines += [
            "user \(person)",
            discovery,
            "topic readwrite \(homeAssistant.birthTopic)",
            "topic read lab/v1/#",
            "topic write lab/v1/services/+/restart",
            "topic write lab/v1/apps/+/restart",
            // What bridges and cameras of the house are told and tell.
            "topic readwrite zigbee2mqtt/#",
            "topic readwrite frigate/#",
            "topic readwrite esphome/#",
        ]
        return lines.joined(separator: "\n") + "\n"
    }
}
