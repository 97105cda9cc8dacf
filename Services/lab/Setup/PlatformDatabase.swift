import FoundationEssentials
import LabKit
import Logging
import ProxyRouter

/// Makes the platform's database: its owner, the services' roles and schemas, and the tokens that are known beforehand.
struct PlatformDatabase: Sendable {
    let layout: PlatformLayout
    let logger: Logger

    func prepare() async throws {
        let superuserURL = try secret("superuser-url")
        let owner = try secret("owner")
        let superuser = try client(superuserURL.reveal())
        try await Self.closing(superuser) {
            try await LabDatabase(superuser).prepare(ownerPassword: owner)
        }
        let database = try client(layout.databaseURL(user: PlatformLayout.databaseOwner, password: owner))
        try await Self.closing(database) {
            let passwords = try Dictionary(
                uniqueKeysWithValues: labServices.map { ($0.name, try secret("password-\($0.name)")) })
            try await DatabaseSetup(owner: database, logger: logger).run(services: labServices) { name in
                passwords[name] ?? Secret("")
            }
            let tokens = TokenStore(postgres: database)
            try await tokens.register(try secret("admin-token"), name: "admin", scope: .admin)
            try await tokens.register(
                try secret("traefik-token"), name: ProxyRouterService.traefikTokenName, scope: .read)
        }
    }

    private func secret(_ name: String) throws -> Secret<String> {
        let path = "\(layout.secrets(of: "database"))/\(name)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFault("\(path) cannot be read", remedy: "Run “lab setup files” first")
        }
        return Secret(String(decoding: data, as: UTF8.self).trimmed)
    }

    private func client(_ url: String) throws -> PostgresClient {
        PostgresClient(try PostgresConfiguration(connectionString: url), logger: logger)
    }

    private static func closing(_ client: PostgresClient, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }
}

/// The database that the services share, with its owner.
struct LabDatabase: Sendable {
    private let superuser: PostgresClient

    init(_ superuser: PostgresClient) {
        self.superuser = superuser
    }

    /// Makes both when they are missing; the owner may make roles, and is no superuser.
    func prepare(ownerPassword password: Secret<String>) async throws {
        if try await superuser.query("select 1 from pg_roles where rolname = 'lab_owner'").isEmpty {
            try await superuser.query("create role lab_owner login createrole")
        }
        // A password cannot be a parameter of ALTER ROLE, so it travels as a setting of this transaction.
        try await superuser.withTransaction { connection in
            try await connection.query("select set_config('lab.password', \(password.reveal()), true)")
            try await connection.query(
                """
                do $$ begin
                    execute format('alter role lab_owner password %L', current_setting('lab.password'));
                end $$
                """)
        }
        if try await superuser.query("select 1 from pg_database where datname = 'lab'").isEmpty {
            try await superuser.query("create database lab owner lab_owner")
        }
    }
}
