import Glibc
import LabCore
import LabPostgres
import Logging
import Synchronization

/// A PostgreSQL server of a test's own: a new cluster in a temporary directory, on a free port of the loopback
/// interface, without durability.
final class PrivatePostgres: Sendable {
    static let programs = "/usr/lib/postgresql/15/bin"

    let directory: String
    let port: Int
    private let process = Mutex<pid_t?>(nil)

    private init(directory: String, port: Int) {
        self.directory = directory
        self.port = port
    }

    /// Tests run at once; their servers do not, for the machine may be small.
    private static let running = Mutex(0)

    private static func takeTurn() async throws {
        while !running.withLock({ running in
            guard running < 2 else { return false }
            running += 1
            return true
        }) {
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    static func with(_ body: (PrivatePostgres) async throws -> Void) async throws {
        try await takeTurn()
        defer { running.withLock { $0 -= 1 } }
        let server = try await make()
        do {
            try await body(server)
        } catch {
            await server.remove()
            throw error
        }
        await server.remove()
    }

    /// A server and a client of it.
    static func withClient(
        connections: Int = 8, waiting: Duration = .seconds(30),
        _ body: (PostgresClient, PrivatePostgres) async throws -> Void
    ) async throws {
        try await with { server in
            let client = server.client {
                $0.maximumConnections = connections
                $0.waitTimeout = waiting
            }
            do {
                try await body(client, server)
            } catch {
                await client.shutdown()
                throw error
            }
            await client.shutdown()
        }
    }

    func client(_ change: (inout PostgresConfiguration) -> Void = { _ in }) -> PostgresClient {
        var configuration = PostgresConfiguration(host: "127.0.0.1", port: port, user: "postgres", database: "postgres")
        configuration.waitTimeout = .seconds(30)
        configuration.connectTimeout = .seconds(20)
        change(&configuration)
        return PostgresClient(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func start() async throws {
        let program = try spawn(
            "postgres",
            [
                "-D", "\(directory)/data", "-k", directory, "-c", "listen_addresses=127.0.0.1", "-p", "\(port)",
                "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
                "-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "log_min_messages=fatal",
            ])
        process.withLock { $0 = program }
        for _ in 0..<1200 {
            if try await run("pg_isready", ["-h", "127.0.0.1", "-p", "\(port)", "-q"]) == 0 { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Failure("PostgreSQL did not start in \(directory)")
    }

    /// Stops the server; with SIGINT clients are disconnected, with SIGQUIT it goes at once.
    func stop(_ signal: Int32 = SIGINT) async {
        guard
            let running = process.withLock({ process in
                defer { process = nil }
                return process
            })
        else { return }
        kill(running, signal)
        _ = await Self.end(of: running)
    }

    private func remove() async {
        await stop(SIGQUIT)
        _ = try? await run("rm", ["-rf", "--", directory])
    }

    private static func make() async throws -> PrivatePostgres {
        var template = Array("/tmp/lab-postgres-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure("no temporary directory: \(errno)") }
        let server = PrivatePostgres(directory: String(cString: made), port: try freePort())
        if getuid() == 0 {
            guard let account = getpwnam("postgres") else { throw Failure("there is no user postgres") }
            chown(server.directory, account.pointee.pw_uid, account.pointee.pw_gid)
        }
        let status = try await server.run(
            "initdb", ["-D", "\(server.directory)/data", "-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8"])
        guard status == 0 else { throw Failure("initdb failed") }
        try await server.start()
        return server
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isBound else { throw Failure("no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) async throws -> Int32 {
        await Self.end(of: try spawn(program, arguments))
    }

    /// PostgreSQL refuses to run as root, so root starts it as the user postgres.
    private func spawn(_ program: String, _ arguments: [String]) throws -> pid_t {
        var words = [program == "rm" ? "/bin/rm" : "\(Self.programs)/\(program)"] + arguments
        if getuid() == 0 {
            words = ["/usr/bin/setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"] + words
        }
        // The user postgres need not have access to the directory that the tests run in.
        words = ["/usr/bin/env", "--chdir=/"] + words
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [Int32(0), 1, 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = []
        for word in words { argv.append(strdup(word)) }
        var environment: [UnsafeMutablePointer<CChar>?] = []
        for variable in ["LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"] { environment.append(strdup(variable)) }
        defer { for text in argv + environment { free(text) } }
        var child = pid_t()
        let status = posix_spawn(&child, words[0], &actions, nil, argv + [nil], environment + [nil])
        guard status == 0 else { throw Failure("\(program) cannot be started: \(status)") }
        return child
    }

    private static func end(of child: pid_t) async -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, WNOHANG) == 0 { try? await Task.sleep(for: .milliseconds(10)) }
        return status
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Waits until something is so, for a long time at the most: the tests' machine may be slow.
func eventually(within limit: Duration = .seconds(30), _ isSo: () async throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await isSo() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return false
}

/// A number that several tasks raise.
final class Counter: Sendable {
    private let value = Atomic(0)
    var count: Int { value.load(ordering: .relaxed) }
    func rise() { value.add(1, ordering: .relaxed) }
}
