import LabCore
import LabPostgres
import LabState
import LabTesting
import Logging

/// A kind for tests: a lamp that should be on or off.
enum Lamp: ResourceKind {
    struct Spec: Codable, Sendable, Hashable {
        var isOn: Bool
        var colour: String?
    }

    static let name = "Lamp"
    static let plural = "lamps"
    static let summary = "A lamp."
    static let conditionTypes = ["Lit"]

    static func key(_ name: String) throws -> ResourceKey {
        ResourceKey(kind: self.name, name: try ResourceName(name))
    }
}

/// A private database with the schema `lab`.
struct StateFixture: Sendable {
    let postgres: PostgresClient
    let store: ResourceStore
    let server: PrivatePostgres
    let logger: Logger

    static func with(_ body: @escaping @Sendable (StateFixture) async throws -> Void) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await withPrivatePostgres { server in
            let postgres = PostgresClient(
                try PostgresConfiguration(connectionString: server.connectionString), logger: logger)
            try await postgres.migrate(LabMigrations.all)
            let fixture = StateFixture(
                postgres: postgres, store: ResourceStore(postgres: postgres), server: server, logger: logger)
            do {
                try await body(fixture)
            } catch {
                await postgres.shutdown()
                throw error
            }
            await postgres.shutdown()
        }
    }

    func events(_ type: String) async throws -> [Event] {
        try await EventLog(postgres: postgres).latest(limit: 1000).filter { $0.type == type }
    }
}
