public import LabCore
public import LabState

/// A kind that can be declared through the API, by people.
public protocol ManagedKind: ResourceKind {
    /// The prefix of its operations' names: `dns.record`.
    static var operationPrefix: String { get }
    /// Documentation of the spec's fields, by pointer.
    static var fields: [String: String] { get }

    /// Checks a declaration against everything else that is declared, and completes its defaults.
    ///
    /// - Throws: a ``Problem`` with the fields (as pointers from `/body`) and the remedies.
    static func admit(_ spec: Spec, name: ResourceName, _ call: OperationCall) async throws -> Spec
}

extension ManagedKind {
    public static var fields: [String: String] { [:] }
    public static func admit(_ spec: Spec, name: ResourceName, _ call: OperationCall) async throws -> Spec { spec }

    /// The four operations that every kind has.
    public static var resourceOperations: [any Operation] {
        [
            ListResources<Self>(), GetResource<Self>(), PutResource<Self>(), DeleteResource<Self>(),
        ]
    }

    static var word: String { name.lowercased() }
    static var bodyFields: [String: String] {
        Dictionary(fields.map { ("body/" + $0.key, $0.value) }) { first, _ in first }
    }
}

/// `GET /v1/<plural>`
public struct ListResources<Kind: ManagedKind>: Operation {
    public struct Input: Codable, Sendable {
        public let limit: PageSize?
        public let after: ResourceName?
    }

    public init() {}

    public var declaration: OperationDeclaration {
        OperationDeclaration(
            "\(Kind.operationPrefix).list", "Lists the declared \(Kind.plural) with their conditions.", safety: .read,
            .get, "/v1/\(Kind.plural)", phrases: ["list the \(Kind.plural)"],
            fields: ["limit": "How many at the most.", "after": "The name after which the page begins."])
    }

    public func run(_ input: Input, _ call: OperationCall) async throws -> ResourceList<Kind.Spec> {
        let limit = input.limit?.count ?? 100
        let page = try await call.lab.store.page(kind: Kind.name, after: input.after, limit: limit + 1)
        let shown = Array(page.prefix(limit))
        let conditions = try await call.lab.store.conditions(of: shown.map(\.key))
        let items = try shown.map { resource in
            ResourceDocument(
                resource, spec: try resource.spec.decode(Kind.Spec.self), conditions: conditions[resource.key] ?? [],
                order: Kind.conditionTypes)
        }
        return ResourceList(items: items, next: page.count > limit ? shown.last?.name : nil)
    }
}

/// How many items a page has: 1 to 1000.
public struct PageSize: Codable, Sendable, Hashable, JSONSchemaRepresentable {
    public let count: Int

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let count = try container.decode(Int.self)
        guard (1...1000).contains(count) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not from 1 to 1000")
        }
        self.count = count
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(count)
    }

    private init(count: Int) { self.count = count }

    public static var jsonSchema: JSONSchema { .integer(1...1000) }
    public static var schemaExample: PageSize { PageSize(count: 100) }
}

/// The name of a resource in the path.
public struct NameInput: Codable, Sendable {
    public let name: ResourceName

    public init(name: ResourceName) {
        self.name = name
    }
}

/// An operation that shows one resource as it is in the database, the same to everybody.
protocol ResourceReading {}

/// `GET /v1/<plural>/{name}`
public struct GetResource<Kind: ManagedKind>: Operation, ResourceReading {
    public init() {}

    public var declaration: OperationDeclaration {
        OperationDeclaration(
            "\(Kind.operationPrefix).get", "Shows one \(Kind.word) with its conditions.", safety: .read, .get,
            "/v1/\(Kind.plural)/{name}", phrases: ["show the \(Kind.word) {name}"])
    }

    public func run(_ input: NameInput, _ call: OperationCall) async throws -> ResourceDocument<Kind.Spec> {
        try await call.lab.store.document(Kind.self, input.name)
    }
}

/// `PUT /v1/<plural>/{name}`
public struct PutResource<Kind: ManagedKind>: Operation {
    public struct Input: Decodable, Sendable {
        public let name: ResourceName
        /// Replace only this generation; 0: it must not exist yet.
        public let generation: Int64?
        public let body: Kind.Spec
    }

    public init() {}

    public var declaration: OperationDeclaration {
        OperationDeclaration(
            "\(Kind.operationPrefix).put", "Declares one \(Kind.word): the whole of it, made true and kept true.",
            safety: .act, .put, "/v1/\(Kind.plural)/{name}",
            fields: Kind.bodyFields.merging(
                ["generation": "Replace only this generation; 0 means that it must not exist yet."]) { $1 })
    }

    public func run(_ input: Input, _ call: OperationCall) async throws -> ResourceDocument<Kind.Spec> {
        let key = ResourceKey(kind: Kind.name, name: input.name)
        let spec = try await Kind.admit(input.body, name: input.name, call)
        // A person's declaration of a thing that something else owns would be undone by that owner.
        if let owner = try await call.lab.store.resource(key)?.owner {
            throw Problem.conflict(
                "\(key) belongs to \(owner)", remedy: "Change \(owner) instead, or declare one with another name")
        }
        try await call.lab.store.declare(
            Declaration(key, spec: spec, expectedGeneration: input.generation),
            telling: [
                NewEvent(
                    "\(Kind.eventPrefix).declared", about: key, payload: .object(["by": .string(call.caller.name)]))
            ])
        return try await call.lab.store.document(Kind.self, input.name)
    }
}

/// `DELETE /v1/<plural>/{name}`
public struct DeleteResource<Kind: ManagedKind>: Operation {
    public init() {}

    public var declaration: OperationDeclaration {
        OperationDeclaration(
            "\(Kind.operationPrefix).delete",
            "Removes one \(Kind.word): it is gone once everything that it made is taken away.", safety: .destructive,
            .delete, "/v1/\(Kind.plural)/{name}", successStatus: 202, phrases: ["remove the \(Kind.word) {name}"])
    }

    public func run(_ input: NameInput, _ call: OperationCall) async throws -> ResourceDocument<Kind.Spec> {
        let key = ResourceKey(kind: Kind.name, name: input.name)
        let document = try await call.lab.store.document(Kind.self, input.name)
        if let owner = document.owner {
            throw Problem.conflict(
                "\(key) belongs to \(owner.kind) \(owner.name)",
                remedy: "Remove \(owner.kind) \(owner.name), which takes it along")
        }
        try await call.lab.store.remove(
            [key],
            telling: [
                NewEvent(
                    "\(Kind.eventPrefix).removal_asked", about: key,
                    payload: .object(["by": .string(call.caller.name)]))
            ])
        // It may be gone by now, so the answer shows it as it was asked to go.
        return document
    }
}

extension ResourceStore {
    /// A resource's document, or a problem that says how to see what exists.
    public func document<Kind: ResourceKind>(
        _ kind: Kind.Type, _ name: ResourceName
    ) async throws -> ResourceDocument<Kind.Spec> {
        let key = ResourceKey(kind: Kind.name, name: name)
        guard let (resource, conditions) = try await resourceWithConditions(key) else {
            throw Problem.notFound(key.description, remedy: "List what is declared with GET /v1/\(Kind.plural)")
        }
        return ResourceDocument(
            resource, spec: try resource.spec.decode(Kind.Spec.self), conditions: conditions,
            order: Kind.conditionTypes)
    }
}
