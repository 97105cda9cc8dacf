import FoundationEssentials
public import LabCore
public import LabPostgres

/// The recorded events, in order: for those who watch, and for the relay.
public struct EventLog: Sendable {
    private let postgres: PostgresClient

    public init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    /// The newest sequence number that no running transaction can still go below.
    public func position() async throws -> Int64 {
        let rows = try await postgres.query(
            """
            select coalesce(max(sequence), 0) from lab.event
            where transaction < pg_snapshot_xmin(pg_current_snapshot())
            """)
        return try rows.first?.value(at: 0, as: Int64.self) ?? 0
    }

    /// Events after a position, oldest first. Those of transactions that began before one still running wait for it,
    /// so that following by position misses none.
    public func events(
        after sequence: Int64, about key: ResourceKey? = nil, limit: Int = 500
    ) async throws -> [Event] {
        let kind = key?.kind
        let name = key?.name.text
        let rows = try await postgres.query(
            """
            select sequence, id, type, kind, name, payload, occurred_at from lab.event
            where sequence > \(sequence) and transaction < pg_snapshot_xmin(pg_current_snapshot())
                and (\(kind)::text is null or (kind = \(kind) and name = \(name)))
            order by sequence limit \(Int64(limit))
            """)
        return try rows.map(Self.event)
    }

    /// The newest events, newest first.
    public func latest(about key: ResourceKey? = nil, limit: Int = 100) async throws -> [Event] {
        let kind = key?.kind
        let name = key?.name.text
        let rows = try await postgres.query(
            """
            select sequence, id, type, kind, name, payload, occurred_at from lab.event
            where (\(kind)::text is null or (kind = \(kind) and name = \(name)))
            order by sequence desc limit \(Int64(limit))
            """)
        return try rows.map(Self.event)
    }

    /// Events that were not relayed yet, oldest first.
    func unrelayed(limit: Int) async throws -> [Event] {
        let rows = try await postgres.query(
            """
            select sequence, id, type, kind, name, payload, occurred_at from lab.event
            where relayed_at is null order by sequence limit \(Int64(limit))
            """)
        return try rows.map(Self.event)
    }

    func markRelayed(_ sequences: [Int64]) async throws {
        try await postgres.query("update lab.event set relayed_at = now() where sequence = any(\(sequences)::bigint[])")
    }

    /// Has the events of the last moments relayed once more.
    func forgetRelayed(within age: Duration) async throws {
        try await postgres.query(
            "update lab.event set relayed_at = null where relayed_at > now() - make_interval(secs => \(age.seconds))")
    }

    /// Forgets what was relayed longer ago than `age`.
    func prune(olderThan age: Duration) async throws {
        try await postgres.query(
            """
            delete from lab.event where relayed_at < now() - make_interval(secs => \(age.seconds))
            """)
        try await postgres.query(
            "delete from lab.inbox where received_at < now() - make_interval(secs => \(age.seconds))")
    }

    private static func event(from row: PostgresRow) throws -> Event {
        let kind = try row.value(at: 3, as: String?.self)
        let name = try row.value(at: 4, as: String?.self)
        var subject: ResourceKey?
        if let kind, let name { subject = ResourceKey(kind: kind, name: try ResourceName(name)) }
        return Event(
            sequence: try row.value(at: 0, as: Int64.self), id: try row.value(at: 1, as: UUIDv7.self),
            type: try row.value(at: 2, as: String.self), subject: subject,
            payload: try row.value(at: 5, as: String.self), occurredAt: try row.value(at: 6, as: Date.self))
    }
}

/// Remembers which events a consumer has taken, so that an event that comes twice has its effect once.
public struct Inbox: Sendable {
    private let consumer: String
    private let postgres: PostgresClient

    public init(consumer: String, postgres: PostgresClient) {
        self.consumer = consumer
        self.postgres = postgres
    }

    /// Runs `effect` in the transaction that records the event as taken; does nothing when it was taken before.
    ///
    /// - Returns: whether the effect ran.
    @discardableResult
    public func once(
        _ event: UUIDv7, _ effect: @Sendable (PostgresConnection) async throws -> Void
    ) async throws -> Bool {
        try await postgres.withTransaction { connection in
            let rows = try await connection.query(
                """
                insert into lab.inbox (consumer, event_id) values (\(consumer), \(event))
                on conflict do nothing returning 1
                """)
            guard !rows.isEmpty else { return false }
            try await effect(connection)
            return true
        }
    }
}
