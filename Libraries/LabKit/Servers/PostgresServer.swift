import Glibc
public import LabCore

/// A private PostgreSQL 15: on 127.0.0.1 with a password (SCRAM), and on a Unix socket in its directory, which only
/// its own user and root can reach, without one.
public struct PostgresServer: ManagedServer {
    public let name = "postgres"
    public let directory: String
    public let port: Int
    /// The password of the superuser `postgres`. It is set when the cluster is made, and not changed afterwards.
    public let password: Secret<String>
    /// Whether commits survive a crash of the machine. Off only for tests: a crash of PostgreSQL alone loses nothing.
    public let isDurable: Bool
    public let maximumConnections: Int

    public init(
        directory: String, port: Int, password: Secret<String>, isDurable: Bool = true, maximumConnections: Int = 100
    ) {
        self.directory = directory
        self.port = port
        self.password = password
        self.isDurable = isDurable
        self.maximumConnections = maximumConnections
    }

    public var ports: [Int] { [port] }

    /// SIGINT is the fast shutdown (clients are disconnected), SIGQUIT the immediate one (recovery at the next start).
    public var stopSteps: [StopStep] {
        [StopStep(signal: .interrupt, patience: .seconds(10)), StopStep(signal: .quit, patience: .seconds(3))]
    }

    /// The directory of the Unix socket, as libpq's `host` takes it.
    public var socketDirectory: String { directory }

    /// libpq's parameters for the superuser over TCP, without the password.
    public func connectionString(database: String = "postgres", user: String = "postgres") -> String {
        "host=127.0.0.1 port=\(port) dbname=\(database) user=\(user)"
    }

    private var data: String { "\(directory)/data" }
    private var socketPath: String { "\(directory)/.s.PGSQL.\(port)" }

    public func prepare() async throws {
        try UnixSocketPath.check(socketPath, server: name)
        let account = try ServiceAccount.ifRoot("postgres", for: name)
        try Files.makeDirectory(directory, mode: 0o700, owner: account)
        if let account, let obstacle = account.obstacle(onTheWayTo: directory) {
            throw ServerError.unreachable(server: name, account: account.name, directory: obstacle)
        }
        if !Files.exists("\(data)/PG_VERSION") { try await makeCluster(as: account) }
        // No process of this cluster runs now: a pid file can only be stale, and its number may be someone else's,
        // which would make PostgreSQL refuse to start.
        for stale in ["\(data)/postmaster.pid", socketPath, "\(socketPath).lock"] { Files.remove(stale) }
        try Files.write(settings, to: "\(directory)/postgresql.conf", owner: account)
        try Files.write(access, to: "\(directory)/pg_hba.conf", owner: account)
    }

    /// Runs initdb into a draft directory and renames that, so that a cluster is whole or absent.
    private func makeCluster(as account: ServiceAccount?) async throws {
        let draft = "\(data).new"
        let passwordFile = "\(directory)/password.new"
        if Files.exists(draft) {
            try await Program.run("/bin/rm", ["-rf", "--", draft]).orThrow()
        }
        try Files.write(password.reveal() + "\n", to: passwordFile, owner: account)
        defer { Files.remove(passwordFile) }
        var arguments = [
            "--pgdata=\(draft)", "--username=postgres", "--pwfile=\(passwordFile)", "--encoding=UTF8",
            "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256", "--data-checksums",
        ]
        if !isDurable { arguments.append("--no-sync") }
        try await Program.run(
            "initdb", arguments, environment: ["LC_ALL": "C.UTF-8", "TZ": "UTC"], directory: directory,
            account: account, timeout: .seconds(300)
        ).orThrow()
        guard rename(draft, data) == 0 else { throw Files.failure(data, "move the new cluster to") }
    }

    private var settings: String {
        """
        # Written by lab at every start; changes are lost.
        listen_addresses = '127.0.0.1'
        port = \(port)
        unix_socket_directories = \(Self.quoted(directory))
        unix_socket_permissions = 0700
        max_connections = \(maximumConnections)
        password_encryption = 'scram-sha-256'
        shared_buffers = '32MB'
        work_mem = '4MB'
        maintenance_work_mem = '32MB'
        max_wal_size = '256MB'
        min_wal_size = '32MB'
        dynamic_shared_memory_type = 'posix'
        max_parallel_workers_per_gather = 0
        jit = off
        fsync = \(isDurable ? "on" : "off")
        synchronous_commit = on
        full_page_writes = \(isDurable ? "on" : "off")
        logging_collector = off
        log_destination = 'stderr'
        log_line_prefix = '%m [%p] %u@%d '
        log_timezone = 'UTC'
        timezone = 'UTC'
        lc_messages = 'C.UTF-8'
        lc_monetary = 'C.UTF-8'
        lc_numeric = 'C.UTF-8'
        lc_time = 'C.UTF-8'
        default_text_search_config = 'pg_catalog.simple'

        """
    }

    private var access: String {
        """
        # Written by lab at every start. The socket lies in a directory that only this user and root can enter.
        local all all trust
        host all all 127.0.0.1/32 scram-sha-256

        """
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    public func command() throws -> ServerCommand {
        ServerCommand(
            executable: try Program.find("postgres"),
            arguments: [
                "-D", data, "-c", "config_file=\(directory)/postgresql.conf", "-c", "hba_file=\(directory)/pg_hba.conf",
            ],
            account: try ServiceAccount.ifRoot("postgres", for: name))
    }

    /// Sends a StartupMessage (protocol 3.0). The answer is a request to authenticate (`R`) once connections are
    /// accepted, and an error (`E`, 57P03) while the server starts, recovers or stops.
    public func isReady() async -> Bool {
        guard let socket = LoopbackSocket(port: port) else { return false }
        let parameters = Array("user\0postgres\0database\0postgres\0\0".utf8)
        let length = UInt32(8 + parameters.count)
        let message = Self.bigEndian(length) + Self.bigEndian(196_608) + parameters
        let answer = await socket.ask(message) { !$0.isEmpty }
        return answer?.first == UInt8(ascii: "R")
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }
}
