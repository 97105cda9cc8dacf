public import FoundationEssentials
public import LabCore

/// A fact to be told, past tense: `app.online`. It is written in the transaction of the change that it tells.
public struct NewEvent: Sendable, Hashable, Encodable {
    public let id: UUIDv7
    /// `<kind>.<what happened>`, lower case with underscores: the last part of its MQTT topic.
    public let type: String
    public let kind: String?
    public let name: ResourceName?
    public let payload: JSONValue

    public init(_ type: String, about key: ResourceKey? = nil, payload: JSONValue = .object([:]), id: UUIDv7 = UUIDv7())
    {
        self.id = id
        self.type = type
        self.kind = key?.kind
        self.name = key?.name
        self.payload = payload
    }
}

/// An event as it was recorded.
public struct Event: Sendable, Hashable {
    /// Rises with the order of recording; not without gaps.
    public let sequence: Int64
    public let id: UUIDv7
    public let type: String
    public let subject: ResourceKey?
    /// The payload's JSON text.
    public let payload: String
    public let occurredAt: Date

    public init(
        sequence: Int64, id: UUIDv7, type: String, subject: ResourceKey?, payload: String, occurredAt: Date
    ) {
        self.sequence = sequence
        self.id = id
        self.type = type
        self.subject = subject
        self.payload = payload
        self.occurredAt = occurredAt
    }
}
