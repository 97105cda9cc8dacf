import LabCore
import Logging

/// One step of a database's structure, forward only.
public struct PostgresMigration: Sendable, Hashable {
    /// Unique in the database, and in the order of application by convention: `lab_0001_resources`.
    public let name: String
    /// One or more statements. They run in one transaction, which they must not end.
    public let sql: String

    public init(name: String, sql: String) {
        self.name = name
        self.sql = sql
    }
}

extension PostgresClient {
    /// Applies what was not applied before, in the order given, each in a transaction of its own under an advisory
    /// lock, so that programs which start together apply each once.
    ///
    /// What was applied is recorded in `lab.migration` with a checksum.
    ///
    /// - Returns: the names of those that were applied now.
    /// - Throws: a ``PostgresError`` of kind migration when one that was applied has another text now, which is never
    ///   run, or when one fails, which leaves nothing behind.
    @discardableResult
    public nonisolated(nonsending) func migrate(_ migrations: [PostgresMigration]) async throws -> [String] {
        var names: Set<String> = []
        for migration in migrations where !names.insert(migration.name).inserted {
            throw PostgresError(
                .migration, "two migrations are named “\(migration.name)”", hint: "Give each a name of its own")
        }
        try await withTransaction { connection in
            try await connection.lockMigrations()
            let found = try await connection.query("select to_regclass('lab.migration') is not null")
            // Asked first, since creating takes rights that a role of a service need not have.
            if try found.first?.value(at: 0, as: Bool.self) != true {
                try await connection.run(
                    script: """
                        create schema if not exists lab;
                        create table if not exists lab.migration (
                            name       text        primary key,
                            checksum   text        not null,
                            applied_at timestamptz not null default now()
                        );
                        """)
            }
        }
        var applied: [String] = []
        for migration in migrations {
            let isNew = try await withTransaction { try await $0.apply(migration) }
            if isNew {
                logger.debug("A migration was applied", metadata: ["migration": "\(migration.name)"])
                applied.append(migration.name)
            }
        }
        return applied
    }
}

extension PostgresConnection {
    /// Held until the transaction ends. The number is “labmigra” in ASCII: any number will do, if no one else has it.
    fileprivate nonisolated(nonsending) func lockMigrations() async throws {
        try await query("set local statement_timeout = 0")
        try await query("select pg_advisory_xact_lock(7809632631178617441)")
    }

    /// - Returns: false when it was applied before.
    fileprivate nonisolated(nonsending) func apply(_ migration: PostgresMigration) async throws -> Bool {
        try await lockMigrations()
        let rows = try await query(
            """
            select checksum = encode(sha256(convert_to(\(migration.sql), 'UTF8')), 'hex')
            from lab.migration where name = \(migration.name)
            """)
        if let row = rows.first {
            guard try row.value(at: 0, as: Bool.self) else {
                throw PostgresError(
                    .migration, "the migration “\(migration.name)” was changed after it had been applied",
                    hint: "Restore its text, and write a new migration for what is to change")
            }
            return false
        }
        do {
            try await run(script: migration.sql)
        } catch let error as PostgresError where !error.isRetryable && !error.isUnavailable {
            throw PostgresError(
                .migration, "the migration “\(migration.name)” failed: \(error.message)", sqlState: error.sqlState,
                detail: error.detail, hint: error.hint ?? "Nothing of it was kept; correct it and start again",
                constraint: error.constraint)
        }
        guard isInTransaction else {
            throw PostgresError(
                .migration, "the migration “\(migration.name)” ends its transaction",
                hint: "Take COMMIT and ROLLBACK out of it, undo by hand what it did, and start again")
        }
        try await query(
            """
            insert into lab.migration (name, checksum)
            values (\(migration.name), encode(sha256(convert_to(\(migration.sql), 'UTF8')), 'hex'))
            """)
        return true
    }
}
