import LabCore
public import Logging

/// A PostgreSQL database, through a pool of connections that are made when they are needed.
///
/// No call blocks a thread. A cancelled task's statement is stopped on the server. Connections that are lost are
/// replaced; callers wait for that as long as the configuration's `waitTimeout`.
public final class PostgresClient: Sendable {
    let pool: Pool
    let logger: Logger

    /// Nothing is connected before the first use.
    public init(_ configuration: PostgresConfiguration, logger: Logger) {
        pool = Pool(configuration, logger: logger)
        self.logger = logger
    }

    public var configuration: PostgresConfiguration { pool.configuration }

    /// Connections and callers at this moment.
    public var statistics: PostgresStatistics { pool.statistics }

    /// Runs one statement, which is prepared at its first use on each connection.
    ///
    /// - Throws: a ``PostgresError``; `CancellationError` when the task was cancelled and nothing was changed.
    @discardableResult
    public nonisolated(nonsending) func query(_ query: PostgresQuery) async throws -> PostgresResult {
        let link = try await lease()
        defer { pool.release(link) }
        return try await link.run(query)
    }

    /// Runs several statements with one round trip, in one transaction: all have their effect, or none.
    ///
    /// - Returns: one result for each, in their order.
    /// - Throws: the ``PostgresError`` of the first statement that failed.
    public nonisolated(nonsending) func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresResult] {
        guard !queries.isEmpty else { return [] }
        return try await withConnection { try await $0.pipeline(queries) }
    }

    /// Lends a connection, for what belongs to one session.
    ///
    /// It is valid within the body only. A transaction that the body left open is undone.
    @discardableResult
    public nonisolated(nonsending) func withConnection<Result>(
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let connection = PostgresConnection(try await lease())
        defer {
            connection.end()
            pool.release(connection.link)
        }
        return try await body(connection)
    }

    /// Copies rows into a table; see ``PostgresConnection/copyIn(_:columns:rows:)``.
    @discardableResult
    public nonisolated(nonsending) func copyIn(
        _ table: String, columns: [String], rows: some Sequence<[(any PostgresEncodable)?]>
    ) async throws -> Int {
        try await withConnection { try await $0.copyIn(table, columns: columns, rows: rows) }
    }

    /// Whether the database answers, within a second.
    public nonisolated(nonsending) func isHealthy() async -> Bool {
        do {
            try await ping()
            return true
        } catch {
            return false
        }
    }

    /// Asks the database for an answer, and waits a second at most.
    ///
    /// - Throws: why there was none.
    public nonisolated(nonsending) func ping() async throws {
        let pool = pool
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let link: Link
                if let free = pool.take() { link = free } else { link = try await pool.wait(atMost: .seconds(1)) }
                defer { pool.release(link) }
                _ = try await link.run("select 1")
            }
            group.addTask {
                try await Task.sleep(for: .seconds(1))
                throw PostgresError.unavailable(
                    "the database did not answer within a second", place: pool.configuration.address)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Keeps the pool small, closing connections that were not used for a minute, until the task is cancelled.
    ///
    /// The client works without it.
    public func run() async {
        await pool.trimIdle()
    }

    /// Refuses new work, waits up to five seconds for what runs, and closes all connections.
    public func shutdown() async {
        await pool.shutDown(within: .seconds(5))
    }

    private nonisolated(nonsending) func lease() async throws -> Link {
        if let link = pool.take() { return link }
        return try await pool.wait(atMost: pool.configuration.waitTimeout)
    }
}

/// A pool at one moment.
public struct PostgresStatistics: Sendable, Hashable {
    /// Connections that exist.
    public let open: Int
    /// Those of them that nobody uses.
    public let idle: Int
    /// Callers that wait for one.
    public let waiting: Int

    public init(open: Int, idle: Int, waiting: Int) {
        self.open = open
        self.idle = idle
        self.waiting = waiting
    }
}
