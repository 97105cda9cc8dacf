import Glibc
import LabCore
import LabPostgres
import LabServers
import LabTesting
import Logging
import Synchronization

/// A server of a test's own, and clients of it.
struct Database: Sendable {
    let server: PrivatePostgres

    static func with(_ body: @escaping @Sendable (Database) async throws -> Void) async throws {
        try await withPrivatePostgres { try await body(Database(server: $0)) }
    }

    /// A server and a client of it.
    static func withClient(
        connections: Int = 8, waiting: Duration = .seconds(30),
        _ body: @escaping @Sendable (PostgresClient, Database) async throws -> Void
    ) async throws {
        try await with { database in
            let client = try database.client {
                $0.maximumConnections = connections
                $0.waitTimeout = waiting
            }
            do {
                try await body(client, database)
            } catch {
                await client.shutdown()
                throw error
            }
            await client.shutdown()
        }
    }

    func client(_ change: (inout PostgresConfiguration) -> Void = { _ in }) throws -> PostgresClient {
        var configuration = try PostgresConfiguration(connectionString: server.connectionString)
        configuration.waitTimeout = .seconds(30)
        configuration.connectTimeout = .seconds(20)
        change(&configuration)
        return PostgresClient(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Ends the server by a signal, as PostgreSQL understands it: SIGINT disconnects clients in order, SIGQUIT goes at
    /// once. It stays away until ``start()``.
    func stop(_ signal: Int32 = SIGINT) async throws {
        if let pid = await server.pid { kill(pid, signal) }
        try await server.goAway()
    }

    func start() async throws { try await server.comeBack() }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A number that several tasks raise.
final class Counter: Sendable {
    private let value = Atomic(0)
    var count: Int { value.load(ordering: .relaxed) }
    func rise() { value.add(1, ordering: .relaxed) }
}
