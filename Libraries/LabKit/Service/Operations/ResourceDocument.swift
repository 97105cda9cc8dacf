public import FoundationEssentials
public import LabCore
public import LabState

/// A declared thing with its conditions, as it is answered.
public struct ResourceDocument<Spec: Codable & Sendable>: Codable, Sendable, JSONTextRepresentable {
    public struct Reference: Codable, Sendable, Hashable {
        public let kind: String
        public let name: ResourceName
    }

    public struct ConditionDocument: Codable, Sendable, Hashable {
        public let type: String
        public let status: Condition.Status
        public let reason: String
        public let message: String
        /// The numbers behind the message.
        public let observation: JSONValue?
        public let observedGeneration: Int64
        public let observedAt: Date
        public let transitionAt: Date
    }

    public let kind: String
    public let name: ResourceName
    public let id: UUIDv7
    public let owner: Reference?
    public let generation: Int64
    public let createdAt: Date
    public let updatedAt: Date
    public let deletedAt: Date?
    public let spec: Spec
    public let conditions: [ConditionDocument]
    private let text: JSONText?

    private enum CodingKeys: String, CodingKey {
        case kind, name, id, owner, generation, createdAt, updatedAt, deletedAt, spec, conditions
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(String.self, forKey: .kind)
        name = try container.decode(ResourceName.self, forKey: .name)
        id = try container.decode(UUIDv7.self, forKey: .id)
        owner = try container.decodeIfPresent(Reference.self, forKey: .owner)
        generation = try container.decode(Int64.self, forKey: .generation)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
        deletedAt = try container.decodeIfPresent(Date.self, forKey: .deletedAt)
        spec = try container.decode(Spec.self, forKey: .spec)
        conditions = try container.decode([ConditionDocument].self, forKey: .conditions)
        text = nil
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(name, forKey: .name)
        try container.encode(id, forKey: .id)
        try container.encodeIfPresent(owner, forKey: .owner)
        try container.encode(generation, forKey: .generation)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(updatedAt, forKey: .updatedAt)
        try container.encodeIfPresent(deletedAt, forKey: .deletedAt)
        try container.encode(spec, forKey: .spec)
        try container.encode(conditions, forKey: .conditions)
    }

    /// From what the database holds. The spec's stored text is passed on as it is.
    ///
    /// - Parameter order: the kind's condition types; others follow by name.
    public init(
        _ resource: Resource<JSONText>, spec: Spec, conditions: [ObservedCondition], order: [String]
    ) {
        kind = resource.key.kind
        name = resource.name
        id = resource.id
        owner = resource.owner.map { Reference(kind: $0.kind, name: $0.name) }
        generation = resource.generation
        createdAt = resource.createdAt
        updatedAt = resource.updatedAt
        deletedAt = resource.deletedAt
        self.spec = spec
        func place(_ condition: ObservedCondition) -> (Int, String) {
            (order.firstIndex(of: condition.condition.type) ?? order.count, condition.condition.type)
        }
        let sorted = conditions.sorted { place($0) < place($1) }
        self.conditions = sorted.map { observed in
            ConditionDocument(
                type: observed.condition.type, status: observed.condition.status, reason: observed.condition.reason,
                message: observed.condition.message, observation: observed.condition.observation,
                observedGeneration: observed.observedGeneration, observedAt: observed.observedAt,
                transitionAt: observed.transitionAt)
        }
        text = ResourceDocumentText.write(resource, sorted)
    }

    public var jsonText: JSONText {
        text ?? (try? JSONText(encoding: self)) ?? JSONText(trusted: "{}")
    }

    public func condition(_ type: String) -> ConditionDocument? {
        conditions.first { $0.type == type }
    }
}

/// Writes a resource's document without decoding its spec.
enum ResourceDocumentText {
    static func write(_ resource: Resource<JSONText>, _ conditions: [ObservedCondition]) -> JSONText {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("kind")
            writer.string(resource.key.kind)
            writer.key("name")
            writer.string(resource.name.text)
            writer.key("id")
            writer.string(resource.id.description)
            if let owner = resource.owner {
                writer.key("owner")
                writer.object { writer in
                    writer.key("kind")
                    writer.string(owner.kind)
                    writer.key("name")
                    writer.string(owner.name.text)
                }
            }
            writer.key("generation")
            writer.integer(resource.generation)
            writer.key("createdAt")
            writer.string(resource.createdAt.rfc3339)
            writer.key("updatedAt")
            writer.string(resource.updatedAt.rfc3339)
            if let deletedAt = resource.deletedAt {
                writer.key("deletedAt")
                writer.string(deletedAt.rfc3339)
            }
            writer.key("spec")
            writer.raw(resource.spec)
            writer.key("conditions")
            writer.array { writer in
                for observed in conditions { write(observed, to: &writer) }
            }
        }
        return JSONText(trusted: writer.text)
    }

    private static func write(_ observed: ObservedCondition, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("type")
            writer.string(observed.condition.type)
            writer.key("status")
            writer.string(observed.condition.status.rawValue)
            writer.key("reason")
            writer.string(observed.condition.reason)
            writer.key("message")
            writer.string(observed.condition.message)
            if let observation = observed.condition.observation, let text = try? JSONText(encoding: observation) {
                writer.key("observation")
                writer.raw(text)
            }
            writer.key("observedGeneration")
            writer.integer(observed.observedGeneration)
            writer.key("observedAt")
            writer.string(observed.observedAt.rfc3339)
            writer.key("transitionAt")
            writer.string(observed.transitionAt.rfc3339)
        }
    }
}

/// A page of declared things.
public struct ResourceList<Spec: Codable & Sendable>: Codable, Sendable, JSONTextRepresentable {
    public let items: [ResourceDocument<Spec>]
    /// What to give as `after` for the next page; absent on the last one.
    public let next: ResourceName?

    public init(items: [ResourceDocument<Spec>], next: ResourceName?) {
        self.items = items
        self.next = next
    }

    public var jsonText: JSONText {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("items")
            writer.array { writer in
                for item in items { writer.raw(item.jsonText) }
            }
            if let next {
                writer.key("next")
                writer.string(next.text)
            }
        }
        return JSONText(trusted: writer.text)
    }
}
