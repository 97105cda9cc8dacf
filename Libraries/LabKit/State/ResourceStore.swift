import FoundationEssentials
public import LabCore
public import LabPostgres

/// Declared things in PostgreSQL: declaring, removing, reading.
public struct ResourceStore: Sendable {
    public let postgres: PostgresClient

    public init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    // MARK: Declaring

    /// Declares one thing; the same again changes nothing.
    ///
    /// - Throws: a ``Problem`` of reason conflict when another owner declared it or the expected generation passed by.
    @discardableResult
    public func declare(_ declaration: Declaration, telling events: [NewEvent] = []) async throws -> DeclarationResult {
        let results = try await declare([declaration], telling: events)
        guard let result = results.first else {
            throw Problem(.internalFault, title: "Nothing was declared", detail: declaration.key.description)
        }
        return result
    }

    /// Declares many things and tells of it, in one transaction.
    @discardableResult
    public func declare(
        _ declarations: [Declaration], telling events: [NewEvent] = []
    ) async throws -> [DeclarationResult] {
        let items = StatePayload.declarations(declarations)
        do {
            return try await postgres.withTransaction { connection in
                let rows = try await connection.query(
                    """
                    select kind, name, generation, created, changed
                    from lab.declare(\(PostgresJSON(items.text)))
                    """)
                let results = try rows.map { row in
                    let (kind, name, generation, created, changed) = try row.decode(
                        (String, String, Int64, Bool, Bool).self)
                    return DeclarationResult(
                        key: ResourceKey(kind: kind, name: try ResourceName(name)), generation: generation,
                        isCreated: created, isChanged: changed)
                }
                if results.contains(where: \.isChanged), !events.isEmpty {
                    try await connection.query("select lab.tell(\(PostgresJSON(StatePayload.events(events).text)))")
                }
                return results
            }
        } catch let error as PostgresError {
            throw Self.problem(from: error) ?? error
        }
    }

    /// Asks for the removal of things and tells of it; returns those that existed and were not being removed yet.
    @discardableResult
    public func remove(_ keys: [ResourceKey], telling events: [NewEvent] = []) async throws -> [ResourceKey] {
        let items = StatePayload.keys(keys)
        return try await postgres.withTransaction { connection in
            let rows = try await connection.query("select kind, name from lab.remove(\(PostgresJSON(items.text)))")
            let removed = try rows.map { row in
                let (kind, name) = try row.decode((String, String).self)
                return ResourceKey(kind: kind, name: try ResourceName(name))
            }
            if !removed.isEmpty, !events.isEmpty {
                try await connection.query("select lab.tell(\(PostgresJSON(StatePayload.events(events).text)))")
            }
            return removed
        }
    }

    /// Has things looked at now, though nothing about them was declared anew.
    public func wake(_ keys: [ResourceKey]) async throws {
        guard !keys.isEmpty else { return }
        let kinds = keys.map(\.kind)
        let names = keys.map(\.name.text)
        try await postgres.withTransaction { connection in
            try await connection.query("select lab.wake(\(kinds), \(names))")
            try await connection.query(
                "select pg_notify('lab_work', k) from unnest(\(Array(Set(kinds)))::text[]) as t (k)")
        }
    }

    /// Records events that belong to no declaration.
    public func tell(_ events: [NewEvent]) async throws {
        guard !events.isEmpty else { return }
        try await postgres.query("select lab.tell(\(PostgresJSON(StatePayload.events(events).text)))")
    }

    // MARK: Reading

    /// One thing with its spec as JSON text, or nil.
    public func resource(_ key: ResourceKey) async throws -> Resource<JSONText>? {
        let rows = try await postgres.query(
            """
            select name, id, owner_kind, owner_name, spec, generation, created_at, updated_at, deleted_at
            from lab.resource where kind = \(key.kind) and name = \(key.name.text)
            """)
        return try rows.first.map { try Self.resource(kind: key.kind, from: $0) }
    }

    /// One thing of a kind, or nil.
    public func resource<Kind: ResourceKind>(
        _ kind: Kind.Type, _ name: ResourceName
    ) async throws -> Resource<Kind.Spec>? {
        guard let resource = try await resource(ResourceKey(kind: Kind.name, name: name)) else { return nil }
        return resource.with(spec: try resource.spec.decode(Kind.Spec.self))
    }

    /// All things of a kind in the order of their names, with their specs as JSON text.
    public func resources(kind: String) async throws -> [Resource<JSONText>] {
        let rows = try await postgres.query(
            """
            select name, id, owner_kind, owner_name, spec, generation, created_at, updated_at, deleted_at
            from lab.resource where kind = \(kind) order by name collate "C"
            """)
        return try rows.map { try Self.resource(kind: kind, from: $0) }
    }

    /// A page of things of a kind in the order of their names.
    public func page(kind: String, after name: ResourceName?, limit: Int) async throws -> [Resource<JSONText>] {
        let after = name?.text ?? ""
        let rows = try await postgres.query(
            """
            select name, id, owner_kind, owner_name, spec, generation, created_at, updated_at, deleted_at
            from lab.resource where kind = \(kind) and name collate "C" > \(after)
            order by name collate "C" limit \(Int64(limit))
            """)
        return try rows.map { try Self.resource(kind: kind, from: $0) }
    }

    /// One thing with its conditions, in one round trip; nil when it does not exist.
    public func resourceWithConditions(
        _ key: ResourceKey
    ) async throws -> (resource: Resource<JSONText>, conditions: [ObservedCondition])? {
        let rows = try await postgres.query(
            """
            select r.name, r.id, r.owner_kind, r.owner_name, r.spec, r.generation, r.created_at, r.updated_at,
                r.deleted_at, c.type, c.status, c.reason, c.message, c.observed_generation, c.observed_at,
                c.transition_at, c.observation
            from lab.resource r left join lab.condition c using (kind, name)
            where r.kind = \(key.kind) and r.name = \(key.name.text)
            """)
        guard let first = rows.first else { return nil }
        var conditions: [ObservedCondition] = []
        for row in rows {
            guard let type = try row.value(at: 9, as: String?.self) else { continue }
            conditions.append(
                ObservedCondition(
                    key: key,
                    condition: Condition(
                        type, Condition.Status(rawValue: try row.value(at: 10, as: String.self)) ?? .unknown,
                        reason: try row.value(at: 11, as: String.self),
                        message: try row.value(at: 12, as: String.self),
                        observation: try Self.observation(row.value(at: 16, as: String?.self))),
                    observedGeneration: try row.value(at: 13, as: Int64.self),
                    observedAt: try row.value(at: 14, as: Date.self),
                    transitionAt: try row.value(at: 15, as: Date.self)))
        }
        return (try Self.resource(kind: key.kind, from: first), conditions)
    }

    /// Some things of a kind, with their specs as JSON text.
    public func resources(kind: String, names: [ResourceName]) async throws -> [Resource<JSONText>] {
        let texts = names.map(\.text)
        let rows = try await postgres.query(
            """
            select name, id, owner_kind, owner_name, spec, generation, created_at, updated_at, deleted_at
            from lab.resource where kind = \(kind) and name = any(\(texts)::text[])
            """)
        return try rows.map { try Self.resource(kind: kind, from: $0) }
    }

    /// All things of a kind whose specs can be read, with the names of those whose specs cannot.
    public func resources<Kind: ResourceKind>(
        _ kind: Kind.Type
    ) async throws -> (readable: [Resource<Kind.Spec>], unreadable: [ResourceName]) {
        var readable: [Resource<Kind.Spec>] = []
        var unreadable: [ResourceName] = []
        for resource in try await resources(kind: Kind.name) {
            do {
                readable.append(resource.with(spec: try resource.spec.decode(Kind.Spec.self)))
            } catch {
                unreadable.append(resource.name)
            }
        }
        return (readable, unreadable)
    }

    /// The things that these own, directly.
    public func owned(by owners: [ResourceKey]) async throws -> [Resource<JSONText>] {
        let kinds = owners.map(\.kind)
        let names = owners.map(\.name.text)
        let rows = try await postgres.query(
            """
            select r.name, r.id, r.owner_kind, r.owner_name, r.spec, r.generation, r.created_at, r.updated_at,
                r.deleted_at, r.kind
            from lab.resource r
            join unnest(\(kinds)::text[], \(names)::text[]) as o (kind, name)
                on r.owner_kind = o.kind and r.owner_name = o.name
            """)
        return try rows.map { try Self.resource(kind: try $0.value(at: 9, as: String.self), from: $0) }
    }

    /// The conditions of things.
    public func conditions(of keys: [ResourceKey]) async throws -> [ResourceKey: [ObservedCondition]] {
        let kinds = keys.map(\.kind)
        let names = keys.map(\.name.text)
        let rows = try await postgres.query(
            """
            select c.kind, c.name, c.type, c.status, c.reason, c.message, c.observed_generation, c.observed_at,
                c.transition_at, c.observation
            from unnest(\(kinds)::text[], \(names)::text[]) as k (kind, name)
            join lab.condition c using (kind, name)
            """)
        return try Self.conditions(from: rows)
    }

    /// The conditions of everything of a kind.
    public func conditions(kind: String) async throws -> [ResourceKey: [ObservedCondition]] {
        let rows = try await postgres.query(
            """
            select kind, name, type, status, reason, message, observed_generation, observed_at, transition_at,
                observation
            from lab.condition where kind = \(kind)
            """)
        return try Self.conditions(from: rows)
    }

    /// A number that rises whenever something of the kind is declared, changed or removed: how many, and the sum of
    /// their generations. Equal numbers mean an equal declared state.
    public func revision(kind: String) async throws -> String {
        let rows = try await postgres.query(
            """
            select count(*)::text || '.' || coalesce(sum(generation), 0)::text || '.'
                || coalesce(extract(epoch from max(updated_at)), 0)::text
            from lab.resource where kind = \(kind)
            """)
        return try rows.first?.value(at: 0, as: String.self) ?? "0"
    }

    // MARK: Rows

    static func resource(kind: String, from row: PostgresRow) throws -> Resource<JSONText> {
        let ownerKind = try row.value(at: 2, as: String?.self)
        let ownerName = try row.value(at: 3, as: String?.self)
        var owner: ResourceKey?
        if let ownerKind, let ownerName {
            owner = ResourceKey(kind: ownerKind, name: try ResourceName(ownerName))
        }
        return Resource(
            key: ResourceKey(kind: kind, name: try ResourceName(try row.value(at: 0, as: String.self))),
            id: try row.value(at: 1, as: UUIDv7.self), owner: owner,
            spec: JSONText(trusted: try row.value(at: 4, as: String.self)),
            generation: try row.value(at: 5, as: Int64.self), createdAt: try row.value(at: 6, as: Date.self),
            updatedAt: try row.value(at: 7, as: Date.self), deletedAt: try row.value(at: 8, as: Date?.self))
    }

    private static func conditions(from rows: PostgresResult) throws -> [ResourceKey: [ObservedCondition]] {
        var found: [ResourceKey: [ObservedCondition]] = [:]
        for row in rows {
            let key = ResourceKey(
                kind: try row.value(at: 0, as: String.self),
                name: try ResourceName(try row.value(at: 1, as: String.self)))
            let condition = Condition(
                try row.value(at: 2, as: String.self),
                Condition.Status(rawValue: try row.value(at: 3, as: String.self)) ?? .unknown,
                reason: try row.value(at: 4, as: String.self), message: try row.value(at: 5, as: String.self),
                observation: try observation(row.value(at: 9, as: String?.self)))
            found[key, default: []].append(
                ObservedCondition(
                    key: key, condition: condition, observedGeneration: try row.value(at: 6, as: Int64.self),
                    observedAt: try row.value(at: 7, as: Date.self),
                    transitionAt: try row.value(at: 8, as: Date.self)))
        }
        return found
    }

    private static func observation(_ text: String?) throws -> JSONValue? {
        try text.map { try JSONText(trusted: $0).decode(JSONValue.self) }
    }

    /// The conflicts that the database's functions raise (LB409, LB412), as problems for people.
    static func problem(from error: PostgresError) -> Problem? {
        switch error.sqlState {
        case "LB409":
            .conflict(error.message, remedy: "Use another name, or change the thing that declares it")
        case "LB412":
            .conflict(
                "\(error.message), not the one expected",
                remedy: "Read it again and repeat the change on the newer generation")
        default: nil
        }
    }
}

/// The JSON documents that the functions of the schema `lab` take.
enum StatePayload {
    static func declarations(_ declarations: [Declaration]) -> JSONText {
        var writer = JSONWriter()
        writer.array { writer in
            for declaration in declarations { write(declaration, to: &writer) }
        }
        return JSONText(trusted: writer.text)
    }

    static func keys(_ keys: [ResourceKey]) -> JSONText {
        var writer = JSONWriter()
        writer.array { writer in
            for key in keys { write(key, to: &writer) }
        }
        return JSONText(trusted: writer.text)
    }

    static func events(_ events: [NewEvent]) -> JSONText {
        var writer = JSONWriter()
        writer.array { writer in
            for event in events { write(event, to: &writer) }
        }
        return JSONText(trusted: writer.text)
    }

    static func write(_ declaration: Declaration, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("kind")
            writer.string(declaration.key.kind)
            writer.key("name")
            writer.string(declaration.key.name.text)
            writer.key("id")
            writer.string(declaration.id.description)
            if let owner = declaration.owner {
                writer.key("owner_kind")
                writer.string(owner.kind)
                writer.key("owner_name")
                writer.string(owner.name.text)
            }
            if let generation = declaration.expectedGeneration {
                writer.key("generation")
                writer.integer(generation)
            }
            writer.key("spec")
            writer.raw(declaration.spec)
        }
    }

    static func write(_ key: ResourceKey, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("kind")
            writer.string(key.kind)
            writer.key("name")
            writer.string(key.name.text)
        }
    }

    static func write(_ event: NewEvent, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("id")
            writer.string(event.id.description)
            writer.key("type")
            writer.string(event.type)
            if let kind = event.kind, let name = event.name {
                writer.key("kind")
                writer.string(kind)
                writer.key("name")
                writer.string(name.text)
            }
            writer.key("payload")
            writer.raw((try? JSONText(encoding: event.payload)) ?? JSONText(trusted: "{}"))
        }
    }
}
