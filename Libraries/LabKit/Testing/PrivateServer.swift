public import LabServers
import Logging

/// A server that lives as long as a test's closure, on free ports, with its state in a temporary directory.
public struct PrivateServer<Server: ManagedServer>: Sendable {
    /// What runs: ports, directory, and what the server's type tells besides.
    public let server: Server
    private let supervisor: ServerSupervisor

    init(_ server: Server, _ supervisor: ServerSupervisor) {
        self.server = server
        self.supervisor = supervisor
    }

    public var directory: String { server.directory }

    /// The present process; nil for a moment after its death.
    public var pid: Int32? {
        get async { try? await supervisor.status(of: server.name).pid }
    }

    public var status: ServerStatus {
        get async throws { try await supervisor.status(of: server.name) }
    }

    /// The end of the server's output, for a failing test's message.
    public var lastLines: [String] { (try? supervisor.lastLines(of: server.name)) ?? [] }

    /// Kills the server (SIGKILL) and returns; its supervisor starts it anew after a moment.
    public func kill() async throws { try await supervisor.kill(server.name) }

    /// Kills the server (SIGKILL) and returns when its successor answers.
    public func killAndWaitUntilReady() async throws {
        let before = try await status.starts
        try await supervisor.kill(server.name)
        while true {
            let now = try await status
            if now.starts > before, now.phase == .ready { return }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Stops the server as an administrator would, starts it, and returns when it answers.
    public func restart() async throws { try await supervisor.restart(server.name) }

    /// Makes the server read its configuration again.
    public func reload() async throws { try await supervisor.reload(server.name) }

    /// Stops the server and keeps it away until ``comeBack()``.
    public func goAway() async throws { try await supervisor.hold(server.name) }

    /// Starts the server after ``goAway()`` and returns when it answers.
    public func comeBack() async throws { try await supervisor.release(server.name) }
}

/// Runs a server for the length of `body`.
///
/// - Parameter make: the server for a directory, which exists only afterwards.
public func withPrivateServer<Server: ManagedServer, Result: Sendable>(
    _ make: (_ directory: String) async throws -> Server,
    _ body: @escaping @Sendable (PrivateServer<Server>) async throws -> Result
) async throws -> Result {
    await AbandonedDirectories.sweepOnce()
    return try await withTemporaryDirectory { directory in
        let server = try await make("\(directory)/server")
        let supervisor = try ServerSupervisor(
            stateDirectory: directory, servers: [server], startTimeout: .seconds(120),
            logger: Logger(label: "lab.testing") { _ in SwiftLogNoOpLogHandler() })
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await supervisor.run()
                return nil
            }
            group.addTask {
                try await supervisor.waitUntilReady()
                return try await body(PrivateServer(server, supervisor))
            }
            // The supervisor ends first only by throwing, or with a cancelled test.
            defer { group.cancelAll() }
            while let outcome = try await group.next() {
                if let outcome {
                    group.cancelAll()
                    try await group.waitForAll()
                    return outcome
                }
            }
            throw CancellationError()
        }
    }
}
