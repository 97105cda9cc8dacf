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

extension Event {
    /// The event as it is answered, streamed and relayed:
    /// `{"sequence", "id", "type", "at", "kind", "name", "data"}`, the kind and the name where it has a subject.
    public var document: JSONText {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("sequence")
            writer.integer(sequence)
            writer.key("id")
            writer.string(id.description)
            writer.key("type")
            writer.string(type)
            writer.key("at")
            writer.string(occurredAt.rfc3339)
            if let subject {
                writer.key("kind")
                writer.string(subject.kind)
                writer.key("name")
                writer.string(subject.name.text)
            }
            writer.key("data")
            writer.raw(JSONText(trusted: payload))
        }
        return JSONText(trusted: writer.text)
    }
}
