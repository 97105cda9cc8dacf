/// How often a message arrives (MQTT 5, 4.3).
public enum MQTTQualityOfService: Int, Sendable, Hashable, Comparable, CaseIterable, Codable {
    /// At most once: lost when the connection breaks.
    case atMostOnce = 0
    /// At least once: may come again after a broken connection.
    case atLeastOnce = 1
    /// Exactly once, as long as the broker keeps the session.
    case exactlyOnce = 2

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A name and a value that travel with a message; names may repeat and their order is kept (MQTT 5, 3.3.2.3.7).
public struct MQTTUserProperty: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A message, published or received.
public struct MQTTMessage: Sendable, Hashable {
    public var topic: MQTTTopic
    /// At most 268,435,455 bytes, and what the broker allows.
    public var payload: [UInt8]
    public var qualityOfService: MQTTQualityOfService
    /// To publish: the broker keeps it as the topic's last message. Received: it was kept before the subscription.
    public var isRetained: Bool
    /// A MIME type.
    public var contentType: String?
    /// Where the answer to a request goes.
    public var responseTopic: MQTTTopic?
    /// What the requester finds its request by; at most 65,535 bytes.
    public var correlationData: [UInt8]?
    /// How long the broker keeps the message for subscribers that are away; whole seconds. Received: what is left of it.
    public var expiry: Duration?
    public var userProperties: [MQTTUserProperty]

    public init(
        topic: MQTTTopic, payload: [UInt8], qualityOfService: MQTTQualityOfService = .atLeastOnce,
        isRetained: Bool = false, contentType: String? = nil, responseTopic: MQTTTopic? = nil,
        correlationData: [UInt8]? = nil, expiry: Duration? = nil, userProperties: [MQTTUserProperty] = []
    ) {
        self.topic = topic
        self.payload = payload
        self.qualityOfService = qualityOfService
        self.isRetained = isRetained
        self.contentType = contentType
        self.responseTopic = responseTopic
        self.correlationData = correlationData
        self.expiry = expiry
        self.userProperties = userProperties
    }

    public init(
        topic: MQTTTopic, text: String, qualityOfService: MQTTQualityOfService = .atLeastOnce,
        isRetained: Bool = false, contentType: String? = nil, responseTopic: MQTTTopic? = nil,
        correlationData: [UInt8]? = nil, expiry: Duration? = nil, userProperties: [MQTTUserProperty] = []
    ) {
        self.init(
            topic: topic, payload: Array(text.utf8), qualityOfService: qualityOfService, isRetained: isRetained,
            contentType: contentType, responseTopic: responseTopic, correlationData: correlationData, expiry: expiry,
            userProperties: userProperties)
    }

    /// The payload as text; nil where it is not UTF-8.
    public var text: String? { String(validating: payload, as: UTF8.self) }
}
