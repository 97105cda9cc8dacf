import FoundationEssentials
import LabCore
import LabState

/// What dns-manager tells of, on `lab/v1/events/<type>`; it takes no topic.
///
/// | type | when | payload |
/// | --- | --- | --- |
/// | `record.changed` | the resolver was first seen to answer a new record set | `type`, `values`, `ttl`, `cachedUntil` |
/// | `record.removed` | the resolver was first seen not to answer it any more | `type`, `values`, `cachedUntil` |
enum RecordEvents {
    static func changed(_ resource: Resource<RecordSpec>, cachedUntil: Date?) -> NewEvent {
        var payload = payload(resource, cachedUntil)
        payload["ttl"] = .integer(Int64(resource.spec.ttl))
        return NewEvent("record.changed", about: resource.key, payload: .object(payload))
    }

    static func removed(_ resource: Resource<RecordSpec>, cachedUntil: Date?) -> NewEvent {
        NewEvent("record.removed", about: resource.key, payload: .object(payload(resource, cachedUntil)))
    }

    private static func payload(_ resource: Resource<RecordSpec>, _ cachedUntil: Date?) -> [String: JSONValue] {
        [
            "name": .string(resource.spec.name.text), "type": .string(resource.spec.type.rawValue),
            "values": .array(resource.spec.values.map { .string($0) }),
            "cachedUntil": cachedUntil.map { .string($0.rfc3339) } ?? .null,
        ]
    }
}
