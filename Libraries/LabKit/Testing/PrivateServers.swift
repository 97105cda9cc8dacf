public import LabCore
public import LabServers

public typealias PrivatePostgres = PrivateServer<PostgresServer>
public typealias PrivateMosquitto = PrivateServer<MosquittoServer>
public typealias PrivateUnbound = PrivateServer<UnboundServer>
public typealias PrivateNginx = PrivateServer<NginxServer>

/// Runs a new PostgreSQL 15 for the length of `body`, without fsync.
public func withPrivatePostgres<Result: Sendable>(
    _ body: @escaping @Sendable (PrivatePostgres) async throws -> Result
) async throws -> Result {
    try await withPrivateServer(
        { directory in
            try await PostgresTemplate.shared.copy(to: directory)
            return PostgresServer(
                directory: directory, port: LoopbackPort.free(), password: PostgresTemplate.password, isDurable: false)
        }, body)
}

extension PrivateServer<PostgresServer> {
    public var port: Int { server.port }
    /// The superuser's password, which TCP connections need.
    public var password: String { server.password.reveal() }
    /// libpq's parameters for the superuser over TCP, with the password.
    public var connectionString: String { "\(server.connectionString()) password=\(password)" }
    /// The same over the Unix socket, which needs no password.
    public var socketConnectionString: String {
        "host=\(server.socketDirectory) port=\(port) dbname=postgres user=postgres"
    }
}

/// Runs a new Mosquitto for the length of `body`.
///
/// - Parameters:
///   - accounts: who may connect; the first one is told by ``PrivateServer/user`` and ``PrivateServer/password``.
///   - accessControl: the text of an acl_file; nil allows each account everything.
public func withPrivateMosquitto<Result: Sendable>(
    accounts: [MosquittoServer.Account] = [.init(name: "tester", password: Secret("lab-test-password"))],
    accessControl: String? = nil, allowsAnonymous: Bool = false,
    _ body: @escaping @Sendable (PrivateMosquitto) async throws -> Result
) async throws -> Result {
    try await withPrivateServer(
        { directory in
            MosquittoServer(
                directory: directory, port: LoopbackPort.free(), accounts: accounts, accessControl: accessControl,
                allowsAnonymous: allowsAnonymous)
        }, body)
}

extension PrivateServer<MosquittoServer> {
    public var port: Int { server.port }
    public var user: String { server.accounts.first?.name ?? "" }
    public var password: String { server.accounts.first?.password.reveal() ?? "" }
}

/// Runs a new Unbound for the length of `body`; it refuses what its records do not answer, unless told otherwise.
public func withPrivateUnbound<Result: Sendable>(
    upstream: UnboundServer.Upstream = .none,
    _ body: @escaping @Sendable (PrivateUnbound) async throws -> Result
) async throws -> Result {
    try await withPrivateServer(
        { UnboundServer(directory: $0, port: LoopbackPort.free(), upstream: upstream) }, body)
}

extension PrivateServer<UnboundServer> {
    public var port: Int { server.port }
    public var controlSocket: String { server.controlSocket }
    public var recordsFile: String { server.recordsFile }
}

/// Runs a new nginx for the length of `body`. It answers 404 on the first of its ports until its configuration is
/// replaced and ``PrivateServer/reload()`` called.
///
/// - Parameter ports: how many free ports it gets.
public func withPrivateNginx<Result: Sendable>(
    ports: Int = 2, _ body: @escaping @Sendable (PrivateNginx) async throws -> Result
) async throws -> Result {
    try await withPrivateServer(
        { NginxServer(directory: $0, ports: (0..<max(1, ports)).map { _ in LoopbackPort.free() }) }, body)
}

extension PrivateServer<NginxServer> {
    public var port: Int { server.ports[0] }
    public var ports: [Int] { server.ports }
    public var configurationFile: String { server.configurationFile }
}
