public import FoundationEssentials
public import LabCore
import LabCrypto
public import LabPostgres
public import LabState
import Synchronization

/// Bearer tokens: made here, stored as SHA-256 only, found again by it.
///
/// A token has 256 random bits, so its hash needs no salt and no slow function. Answers are kept in memory until
/// tokens change (the database says so) or for a minute at most.
public final class TokenStore: Sendable {
    private struct Entry {
        let caller: Caller?
        let validUntil: ContinuousClock.Instant
    }

    private static let cacheTime: Duration = .seconds(60)
    private static let cacheLimit = 1024

    private let postgres: PostgresClient
    private let wakeUps: WakeUps?
    /// By the token itself, which spares the hash on every request; a token that is used is in this memory anyway.
    private let cache = Mutex<[String: Entry]>([:])

    /// - Parameter wakeUps: what tells that tokens change; not needed by who only stores some.
    public init(postgres: PostgresClient, wakeUps: WakeUps? = nil) {
        self.postgres = postgres
        self.wakeUps = wakeUps
    }

    /// Forgets cached answers whenever tokens change, until the task is cancelled.
    public func run() async throws {
        guard let wakeUps else { return }
        await wakeUps.follow(channel: WakeUps.tokenChannel) { awaitNext in
            while !Task.isCancelled {
                await awaitNext(Self.cacheTime)
                cache.withLock { $0.removeAll(keepingCapacity: true) }
            }
        }
    }

    /// Who a token belongs to; nil when it is unknown or expired.
    public func caller(of token: Secret<String>) async throws -> Caller? {
        let text = token.reveal()
        let now = ContinuousClock.now
        if let entry = cache.withLock({ $0[text] }), entry.validUntil > now { return entry.caller }
        let hash = SHA256.hash(Array(text.utf8))
        let rows = try await postgres.query(
            """
            select name, scopes from lab.token
            where hash = \(hash) and (expires_at is null or expires_at > now())
            """)
        let caller = try rows.first.map { row in
            let (name, scopes) = try row.decode((String, [String]).self)
            return Caller(name: name, scope: scopes.compactMap(Scope.init(rawValue:)).max() ?? .read)
        }
        cache.withLock { cache in
            // Unknown tokens are remembered too, but a flood of them must not fill the memory.
            if cache.count >= Self.cacheLimit { cache.removeAll(keepingCapacity: true) }
            cache[text] = Entry(caller: caller, validUntil: now + Self.cacheTime)
        }
        return caller
    }

    /// Makes a token and returns it, the only time that it can be seen.
    ///
    /// - Throws: a ``Problem`` of reason conflict when the name is taken.
    public func create(name: String, scope: Scope, lifetime: Duration?) async throws -> Secret<String> {
        let token = RandomToken.make()
        let hash = SHA256.hash(Array(token.reveal().utf8))
        let seconds = lifetime?.seconds
        let rows = try await postgres.query(
            """
            insert into lab.token (id, name, hash, scopes, expires_at)
            values (\(UUIDv7()), \(name), \(hash), \([scope.rawValue]),
                now() + make_interval(secs => \(seconds)::double precision))
            on conflict (name) do nothing returning 1
            """)
        guard !rows.isEmpty else {
            throw Problem.conflict(
                "a token named “\(name)” exists", remedy: "Use another name, or revoke that one first",
                fields: [.init("/body/name", "the name is taken", remedy: "Use another name")])
        }
        return token
    }

    /// Stores a token that was made elsewhere, replacing the one of that name.
    public func register(_ token: Secret<String>, name: String, scope: Scope) async throws {
        let hash = SHA256.hash(Array(token.reveal().utf8))
        try await postgres.query(
            """
            insert into lab.token (id, name, hash, scopes) values (\(UUIDv7()), \(name), \(hash), \([scope.rawValue]))
            on conflict (name) do update set hash = excluded.hash, scopes = excluded.scopes, expires_at = null
            """)
        try await announce()
    }

    /// Ends a token; false when there was none of that name.
    public func revoke(name: String) async throws -> Bool {
        let rows = try await postgres.query("delete from lab.token where name = \(name) returning 1")
        try await announce()
        return !rows.isEmpty
    }

    /// All tokens, without what would let anyone in.
    public func list() async throws -> [TokenDocument] {
        let rows = try await postgres.query("select name, scopes, created_at, expires_at from lab.token order by name")
        return try rows.map { row in
            let (name, scopes, createdAt, expiresAt) = try row.decode((String, [String], Date, Date?).self)
            return TokenDocument(
                name: name, scope: scopes.compactMap(Scope.init(rawValue:)).max() ?? .read, createdAt: createdAt,
                expiresAt: expiresAt)
        }
    }

    private func announce() async throws {
        cache.withLock { $0.removeAll() }
        try await postgres.query("select pg_notify('lab_token', '')")
    }
}

/// A token as it may be shown.
public struct TokenDocument: Codable, Sendable, Hashable {
    public let name: String
    public let scope: Scope
    public let createdAt: Date
    public let expiresAt: Date?
}
