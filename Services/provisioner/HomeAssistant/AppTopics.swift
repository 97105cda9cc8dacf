import LabCore
import LabMQTT

/// The topics of an app on the broker.
enum AppTopics {
    /// Retained JSON: how the app stands.
    static func state(of app: AppName) throws -> MQTTTopic { try MQTTTopic("lab/v1/apps/\(app)/state") }

    /// A message `PRESS` restarts the app.
    static func restart(of app: AppName) throws -> MQTTTopic { try MQTTTopic("lab/v1/apps/\(app)/restart") }

    /// The restart topics of all apps.
    static var restarts: MQTTTopicFilter {
        get throws { try MQTTTopicFilter("lab/v1/apps/+/restart") }
    }

    /// The app that a topic of ``restarts`` belongs to.
    static func app(restartedBy topic: MQTTTopic) throws -> AppName {
        try AppName(String(topic.text.dropFirst("lab/v1/apps/".count).dropLast("/restart".count)))
    }
}
