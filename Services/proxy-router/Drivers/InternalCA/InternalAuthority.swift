import FoundationEssentials
public import LabCore
public import LabCrypto
public import LabPostgres

/// The lab's own authority: a root for ten years, and intermediates for a year that issue for 90 days.
///
/// Both are made by whichever replica comes first, under a lock of the database. The root's key is opened only when an
/// intermediate is due.
public actor InternalAuthority: Issuer {
    /// What sealed keys are bound to, so that one cannot be put in the place of the other.
    private enum Context {
        static let root = "proxy/root_authority"
        static let intermediate = "proxy/intermediate_authority"
    }

    private let postgres: PostgresClient
    private let keys: SealingKeyRing
    private let domain: Hostname
    private let constrainsNames: Bool
    private let exportPath: String?
    private let clock: any WallClock
    private var current: (authority: CertificateAuthority, trustPEM: String)?

    /// - Parameters:
    ///   - constrainsNames: whether the authority may sign for names in `domain` only.
    ///   - exportPath: the file that gets the root's certificate, for people to install; nil for none.
    public init(
        postgres: PostgresClient, keys: SealingKeyRing, domain: Hostname, constrainsNames: Bool, exportPath: String?,
        clock: any WallClock
    ) {
        self.postgres = postgres
        self.keys = keys
        self.domain = domain
        self.constrainsNames = constrainsNames
        self.exportPath = exportPath
        self.clock = clock
    }

    public func prepare() async throws {
        _ = try await ready()
    }

    /// Not on the actor, so that several are computed at once.
    public nonisolated func issue(for names: [Hostname]) async throws -> IssuedCertificate {
        try await ready().authority.issue(for: names.map { CertificateName($0) }, at: clock.now)
    }

    public var trustPEM: String {
        get async throws { try await ready().trustPEM }
    }

    private func ready() async throws -> (authority: CertificateAuthority, trustPEM: String) {
        if let current, current.authority.renewalDate > clock.now { return current }
        let loaded = try await load()
        if let exportPath, Disk.read(exportPath) != loaded.trustPEM {
            try Disk.replace(exportPath, with: loaded.trustPEM, mode: 0o644, isDurable: true)
        }
        current = loaded
        return loaded
    }

    private func load() async throws -> (authority: CertificateAuthority, trustPEM: String) {
        let now = clock.now
        return try await postgres.withTransaction { connection in
            // “labproxy” in ASCII; held until the transaction ends.
            try await connection.query("select pg_advisory_xact_lock(7809632652853340281)")
            let root = try await root(connection, at: now)
            let newest = try await connection.query(
                "select certificate_pem, sealed_key from proxy.intermediate_authority order by number desc limit 1")
            if let row = newest.first {
                let (pem, sealed) = try row.decode((String, [UInt8]).self)
                let authority = try CertificateAuthority(
                    certificatePEM: pem, keyPEM: try keys.openText(sealed, context: Context.intermediate))
                if authority.renewalDate > now { return (authority, root.pem) }
            }
            let key = try keys.openText(root.sealedKey, context: Context.root)
            let authority = try RootAuthority(certificatePEM: root.pem, keyPEM: key).makeIntermediate(at: now)
            let sealed = try keys.seal(authority.privateKey.pem, context: Context.intermediate)
            try await connection.query(
                """
                insert into proxy.intermediate_authority (certificate_pem, sealed_key)
                values (\(try authority.certificate.pem), \(sealed))
                """)
            return (authority, root.pem)
        }
    }

    private func root(
        _ connection: PostgresConnection, at now: Date
    ) async throws -> (pem: String, sealedKey: [UInt8]) {
        let rows = try await connection.query("select certificate_pem, sealed_key from proxy.root_authority")
        if let row = rows.first { return try row.decode((String, [UInt8]).self) }
        let root = try RootAuthority(domain: domain, constrainsNames: constrainsNames, at: now)
        let pem = try root.certificate.pem
        let sealed = try keys.seal(root.privateKey.pem, context: Context.root)
        try await connection.query(
            "insert into proxy.root_authority (certificate_pem, sealed_key) values (\(pem), \(sealed))")
        return (pem, sealed)
    }
}
