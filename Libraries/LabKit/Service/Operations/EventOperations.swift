public import FoundationEssentials
public import LabCore
import LabPostgres
public import LabState

/// A recorded event, as it is answered and streamed.
public struct EventDocument: Codable, Sendable, JSONTextRepresentable {
    public let sequence: Int64
    public let id: UUIDv7
    public let type: String
    public let at: Date
    public let kind: String?
    public let name: ResourceName?
    public let data: JSONValue
    private let text: JSONText?

    private enum CodingKeys: String, CodingKey {
        case sequence, id, type, at, kind, name, data
    }

    public init(_ event: Event) {
        sequence = event.sequence
        id = event.id
        type = event.type
        at = event.occurredAt
        kind = event.subject?.kind
        name = event.subject?.name
        data = .null
        text = event.document
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sequence = try container.decode(Int64.self, forKey: .sequence)
        id = try container.decode(UUIDv7.self, forKey: .id)
        type = try container.decode(String.self, forKey: .type)
        at = try container.decode(Date.self, forKey: .at)
        kind = try container.decodeIfPresent(String.self, forKey: .kind)
        name = try container.decodeIfPresent(ResourceName.self, forKey: .name)
        data = try container.decode(JSONValue.self, forKey: .data)
        text = nil
    }

    public var jsonText: JSONText {
        text ?? (try? JSONText(encoding: self)) ?? JSONText(trusted: "{}")
    }
}

/// `GET /v1/events`
struct ListEvents: Operation {
    struct Input: Codable, Sendable {
        let limit: PageSize?
        let kind: String?
        let name: ResourceName?
    }

    struct Output: Codable, Sendable, JSONTextRepresentable {
        let items: [EventDocument]

        var jsonText: JSONText {
            var writer = JSONWriter()
            writer.object { writer in
                writer.key("items")
                writer.array { writer in
                    for item in items { writer.raw(item.jsonText) }
                }
            }
            return JSONText(trusted: writer.text)
        }
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "event.list", "The newest events, newest first: the lab's change log.", safety: .read, .get, "/v1/events",
            phrases: ["what happened?", "what changed on {name}?"],
            fields: [
                "limit": "How many at the most.", "kind": "Only of this kind, together with a name.",
                "name": "Only of this resource, together with its kind.",
            ])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        var key: ResourceKey?
        switch (input.kind, input.name) {
        case (let kind?, let name?): key = ResourceKey(kind: kind, name: name)
        case (nil, nil): key = nil
        default:
            throw Problem.invalid(
                input.kind == nil ? "/kind" : "/name", "the field is missing", remedy: "Give kind and name together")
        }
        let log = EventLog(postgres: call.lab.store.postgres)
        return Output(items: try await log.latest(about: key, limit: input.limit?.count ?? 100).map(EventDocument.init))
    }
}

/// `GET /v1/audit`
struct ListAudit: Operation {
    struct Input: Codable, Sendable {
        let limit: PageSize?
    }

    struct Entry: Codable, Sendable {
        let at: Date
        let token: String
        let operation: String
        let subject: String?
        let status: Int
    }

    struct Output: Codable, Sendable {
        let items: [Entry]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "audit.list", "Who asked for what, and how it ended, newest first.", safety: .read, .get, "/v1/audit",
            scope: .admin, fields: ["limit": "How many at the most."])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let rows = try await call.lab.store.postgres.query(
            """
            select at, token, operation, subject, status from lab.audit order by sequence desc
            limit \(Int64(input.limit?.count ?? 100))
            """)
        return Output(
            items: try rows.map { row in
                let (at, token, operation, subject, status) = try row.decode(
                    (Date, String, String, String?, Int32).self)
                return Entry(at: at, token: token, operation: operation, subject: subject, status: Int(status))
            })
    }
}
