import Glibc
public import Logging

/// Runs servers as children of this process, with all their state under one directory.
///
/// Each is started at once and beside the others, and anew with a growing pause whenever it ends. When the supervisor
/// itself is killed, the next one on the same directory ends what was left running before it starts its own.
public final class ServerSupervisor: Sendable {
    private let servers: [SupervisedServer]
    private let directory: String
    private let logger: Logger

    /// - Parameters:
    ///   - stateDirectory: an absolute path; logs and pid files go to its folder `supervisor`.
    ///   - servers: with names that differ, and directories of their own, usually inside `stateDirectory`.
    ///   - logLimit: bytes; a server's log takes at most twice as many.
    ///   - startTimeout: how long a server may take from its start to its first answer.
    public init(
        stateDirectory: String, servers: [any ManagedServer], logLimit: Int = 4 << 20,
        startTimeout: Duration = .seconds(60), logger: Logger
    ) throws(ServerError) {
        directory = "\(stateDirectory)/supervisor"
        self.logger = logger
        // Others may pass through, as the servers' own users must; each folder inside decides for itself.
        try Files.makeDirectory(stateDirectory, mode: 0o711)
        try Files.makeDirectory(directory)
        var supervised: [SupervisedServer] = []
        for server in servers {
            supervised.append(
                try SupervisedServer(
                    server, supervisorDirectory: directory, logLimit: logLimit, startTimeout: startTimeout,
                    logger: logger))
        }
        self.servers = supervised
    }

    /// Runs the servers until the task is cancelled; returns when all have stopped.
    ///
    /// - Throws: ``ServerError`` when a server's first start fails, after the others were stopped. Once it has
    ///   answered, a server that fails is tried again for ever.
    public func run() async throws {
        let lock: StateDirectoryLock
        do throws(ServerError) {
            lock = try StateDirectoryLock(directory)
        } catch {
            // Whoever waits for readiness must learn that there will be none.
            for server in servers { await server.giveUp(error) }
            throw error
        }
        defer { lock.unlock() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers {
                group.addTask { try await server.run() }
            }
            try await group.waitForAll()
        }
    }

    /// Returns when every server answers.
    ///
    /// - Throws: the ``ServerError`` of a server whose first start failed, or `CancellationError`.
    public func waitUntilReady() async throws {
        for server in servers { try await server.waitUntilReady() }
    }

    /// Ends the servers that a killed supervisor has left running in a state directory, and starts nothing.
    ///
    /// - Throws: ``ServerError/stateDirectoryInUse(path:)`` while a supervisor is at work there.
    public static func endLeftovers(stateDirectory: String) async throws(ServerError) {
        let directory = "\(stateDirectory)/supervisor"
        guard Files.exists(directory) else { return }
        let lock = try StateDirectoryLock(directory)
        defer { lock.unlock() }
        for file in Files.names(in: directory) where file.hasSuffix(".pid") {
            let pidFile = PIDFile(path: "\(directory)/\(file)")
            guard let record = pidFile.record else { continue }
            // SIGINT ends all four servers at once; PostgreSQL would await its clients after SIGTERM.
            _ = await Leftovers(command: record.command, directory: stateDirectory, pidFile: pidFile).end(
                signal: SIGINT)
        }
        // One that was started and not recorded any more.
        let unrecorded = PIDFile(path: "\(directory)/none.pid")
        _ = await Leftovers(command: "", directory: stateDirectory, pidFile: unrecorded).end(signal: SIGINT)
    }

    public var status: [ServerStatus] {
        get async {
            var all: [ServerStatus] = []
            for server in servers { all.append(await server.status) }
            return all
        }
    }

    public func status(of name: String) async throws -> ServerStatus {
        try await named(name).status
    }

    /// The end of a server's output: at most 20 lines.
    public func lastLines(of name: String) throws -> [String] {
        try named(name).log.lastLines
    }

    /// Stops a server, starts it at once, and returns when it answers.
    public func restart(_ name: String) async throws {
        try await named(name).restart()
    }

    /// Makes a server read its configuration again (SIGHUP).
    public func reload(_ name: String) async throws {
        try await named(name).signal(.hangup)
    }

    /// Kills a server (SIGKILL) as a fault would; it is started anew after a moment.
    public func kill(_ name: String) async throws {
        try await named(name).signal(.kill)
    }

    /// Stops a server and keeps it stopped until ``release(_:)``.
    public func hold(_ name: String) async throws {
        try await named(name).hold()
    }

    /// Starts a held server, and returns when it answers.
    public func release(_ name: String) async throws {
        let server = try named(name)
        let before = await server.status.starts
        await server.release()
        try await server.waitUntilReady(after: before)
    }

    private func named(_ name: String) throws(ServerError) -> SupervisedServer {
        guard let server = servers.first(where: { $0.server.name == name }) else { throw .unknownServer(name) }
        return server
    }
}

/// Keeps a second supervisor off a state directory. The kernel gives the lock up with the process, however it ends.
private struct StateDirectoryLock {
    private let descriptor: Int32

    init(_ directory: String) throws(ServerError) {
        descriptor = open("\(directory)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Files.failure("\(directory)/lock", "open") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .stateDirectoryInUse(path: directory)
        }
    }

    /// Unlocks before closing: a child that another thread has just forked shares the open file until its exec, and
    /// would keep the lock that long.
    func unlock() {
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
