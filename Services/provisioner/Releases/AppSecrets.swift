import FoundationEssentials
import LabCore
import LabCrypto
import LabPostgres

/// The secrets that the lab made for apps, and those that people gave it for them, sealed in the table `provisioner.secret`.
///
/// They outlive the app as its volumes do: a database that was initialised with a password goes on wanting it.
struct AppSecrets: Sendable {
    struct Entry: Sendable {
        let name: String
        let rotatedAt: Date
    }

    let postgres: PostgresClient
    let keyFile: SealingKeyFile

    /// Makes those that are missing.
    func ensure(_ names: [String], of app: AppName) async throws {
        guard !names.isEmpty else { return }
        let present = Set(try await entries(of: app).map(\.name))
        for name in names where !present.contains(name) {
            let sealed = try seal(Self.make(), name, app)
            try await postgres.query(
                """
                insert into provisioner.secret (app, name, sealed) values (\(app.text), \(name), \(sealed))
                on conflict do nothing
                """)
        }
    }

    /// The variables that a Compose file is filled in with: those under its `x-lab.secrets`, and those that were given
    /// their values by a person, which it need not speak of.
    func names(for text: ComposeText, of app: AppName) async throws -> [String] {
        let declared = ComposeCheck.secrets(in: text.text)
        return declared + (try await entries(of: app)).map(\.name).filter { !declared.contains($0) }
    }

    func entries(of app: AppName) async throws -> [Entry] {
        try await postgres.query(
            "select name, rotated_at from provisioner.secret where app = \(app.text) order by name"
        ).map { row in
            let (name, rotatedAt) = try row.decode((String, Date).self)
            return Entry(name: name, rotatedAt: rotatedAt)
        }
    }

    func values(of app: AppName) async throws -> [String: Secret<String>] {
        let rows = try await postgres.query(
            "select name, sealed from provisioner.secret where app = \(app.text)")
        guard !rows.isEmpty else { return [:] }
        let keys = try keyFile.loadOrCreate()
        let pairs = try rows.map { row in
            let (name, sealed) = try row.decode((String, [UInt8]).self)
            return (name, try keys.openText(sealed, context: Self.context(name, app)))
        }
        return Dictionary(pairs) { first, _ in first }
    }

    /// - Returns: false when the app has no such secret.
    func rotate(_ name: String, of app: AppName) async throws -> Bool {
        let sealed = try seal(Self.make(), name, app)
        let result = try await postgres.query(
            """
            update provisioner.secret set sealed = \(sealed), rotated_at = now()
            where app = \(app.text) and name = \(name)
            """)
        return result.affectedRows > 0
    }

    /// Gives a secret a value, whether it is there or not.
    func set(_ name: SecretName, to value: Secret<String>, of app: AppName) async throws {
        let sealed = try seal(value, name.text, app)
        try await postgres.query(
            """
            insert into provisioner.secret (app, name, sealed) values (\(app.text), \(name.text), \(sealed))
            on conflict (app, name) do update set sealed = excluded.sealed, rotated_at = now()
            """)
    }

    /// - Returns: false when the app has no such secret.
    func remove(_ name: String, of app: AppName) async throws -> Bool {
        try await postgres.query(
            "delete from provisioner.secret where app = \(app.text) and name = \(name)"
        ).affectedRows > 0
    }

    func removeAll(of app: AppName) async throws {
        try await postgres.query("delete from provisioner.secret where app = \(app.text)")
    }

    private func seal(_ value: Secret<String>, _ name: String, _ app: AppName) throws -> [UInt8] {
        try keyFile.loadOrCreate().seal(value, context: Self.context(name, app))
    }

    /// What a sealed secret is bound to, so that one cannot be put in the place of another.
    private static func context(_ name: String, _ app: AppName) -> String { "provisioner/secret/\(app)/\(name)" }

    /// 256 bits in letters, digits, `-` and `_`, beginning with a letter: safe in URLs, YAML and shells.
    private static func make() -> Secret<String> { RandomToken.make(prefix: "s") }
}

/// How secrets stand in a release: as variables that Compose fills in when it starts the containers, so that the values
/// are in no document.
enum SecretPlaceholder {
    /// What the variable is while the file is rendered.
    static func text(of name: String) -> String { "lab-secret-placeholder-\(name)-" }

    static func environment(of names: [String]) -> [String: String] {
        Dictionary(names.map { ($0, text(of: $0)) }) { first, _ in first }
    }

    /// Whether a document has the variable.
    static func isUsed(_ name: String, in document: String) -> Bool { document.contains("${\(name)}") }

    /// The document with variables where the placeholders are.
    static func replace(_ names: [String], in document: String) -> String {
        names.reduce(document) { $0.replacing(text(of: $1), with: "${\($1)}") }
    }
}
