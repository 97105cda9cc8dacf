public import LabCore
public import LabPostgres
import LabState
public import Logging

/// Makes the database what the services need: migrations, schemas, one role for each service.
///
/// It runs with the rights of the database's owner, at each start; what is there already is left as it is.
public struct DatabaseSetup: Sendable {
    private let owner: PostgresClient
    private let logger: Logger

    public init(owner: PostgresClient, logger: Logger) {
        self.owner = owner
        self.logger = logger
    }

    /// - Parameters:
    ///   - services: whose migrations and roles are wanted.
    ///   - password: of the role of a service, by the service's name.
    public func run(
        services: [any LabService.Type], password: @Sendable (String) -> Secret<String>
    ) async throws {
        try await owner.migrate(LabMigrations.all)
        for service in services {
            // The schema is made first, so that a service's migrations can rely on it.
            try await ensureRole(service, password: password(service.name))
            try await owner.migrate(service.migrations)
            // Once more, for the tables that the migrations made.
            try await ensureRole(service, password: password(service.name))
        }
    }

    private func ensureRole(_ service: any LabService.Type, password: Secret<String>) async throws {
        try await owner.query(
            """
            select lab.ensure_service_role(\(service.databaseRole), \(password.reveal()), \(service.databaseSchema))
            """)
    }
}

extension LabService {
    /// The role that the service logs in with: `lab_dns_manager`.
    public static var databaseRole: String { "lab_" + name.replacing("-", with: "_") }
}
