import LabCore
import LabServers
import LabTesting
import Logging
import Testing

/// What a kill -9 of the supervisor leaves behind: children without a parent, and their pid files.
@Suite("After a killed supervisor")
struct RecoveryTests {
    enum Kind: CaseIterable { case postgres, mosquitto, unbound, nginx }

    @Test("the next one ends what was left running, and its own server answers", arguments: Kind.allCases)
    func endsLeftovers(_ kind: Kind) async throws {
        try await withTemporaryDirectory { directory in
            let server = server(kind, "\(directory)/server")
            let supervisor = try supervisor(directory, server)
            let orphan = try await startOrphan(of: server)
            try writePIDFile(directory, server.name, pid: orphan, startTime: try startTime(orphan))
            try await running(supervisor) {
                let successor = try #require(try await supervisor.status(of: server.name).pid)
                #expect(successor != orphan)
                #expect(!isRunning(orphan))
                try #expect(!processGroupExists(orphan))
            }
        }
    }

    @Test("workers whose master is dead are ended too")
    func endsOrphanedWorkers() async throws {
        try await withTemporaryDirectory { directory in
            let server = server(.nginx, "\(directory)/server")
            let supervisor = try supervisor(directory, server)
            let master = try await startOrphan(of: server)
            try writePIDFile(directory, server.name, pid: master, startTime: try startTime(master))
            try await Program.run("/bin/kill", ["-9", "\(master)"]).orThrow()
            try #expect(processGroupExists(master))
            try await running(supervisor) {
                try #expect(!processGroupExists(master))
            }
        }
    }

    @Test("a process that got the recorded number later is not touched")
    func sparesForeignProcess() async throws {
        try await withPrivateMosquitto { foreign in
            let pid = try #require(await foreign.pid)
            try await withTemporaryDirectory { directory in
                let server = server(.mosquitto, "\(directory)/server")
                let supervisor = try supervisor(directory, server)
                try writePIDFile(directory, server.name, pid: pid, startTime: try startTime(pid) - 1)
                try await running(supervisor) {}
            }
            #expect(isRunning(pid))
            #expect(try await foreign.status.restarts == 0)
        }
    }

    @Test("they can be ended without starting anything, but not under a supervisor at work")
    func endsWithoutStarting() async throws {
        try await withTemporaryDirectory { directory in
            let server = server(.mosquitto, "\(directory)/server")
            let supervisor = try supervisor(directory, server)
            let orphan = try await startOrphan(of: server)
            try writePIDFile(directory, server.name, pid: orphan, startTime: try startTime(orphan))
            try await ServerSupervisor.endLeftovers(stateDirectory: directory)
            #expect(!isRunning(orphan))
            try await running(supervisor) {
                await #expect(throws: ServerError.stateDirectoryInUse(path: "\(directory)/supervisor")) {
                    try await ServerSupervisor.endLeftovers(stateDirectory: directory)
                }
                try #expect(await supervisor.status(of: server.name).phase == .ready)
            }
        }
    }

    // MARK: - Arrangements

    private func server(_ kind: Kind, _ directory: String) -> any ManagedServer {
        let port = LoopbackPort.free()
        return switch kind {
        case .postgres:
            PostgresServer(directory: directory, port: port, password: Secret("lab-test-password"), isDurable: false)
        case .mosquitto: MosquittoServer(directory: directory, port: port, accounts: [])
        case .unbound: UnboundServer(directory: directory, port: port)
        case .nginx: NginxServer(directory: directory, ports: [port])
        }
    }

    private func supervisor(_ directory: String, _ server: any ManagedServer) throws -> ServerSupervisor {
        try ServerSupervisor(
            stateDirectory: directory, servers: [server],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Starts the server as a supervisor does, in a session of its own, and abandons it.
    private func startOrphan(of server: any ManagedServer) async throws -> Int32 {
        try await server.prepare()
        let command = try server.command()
        let shell = try await Program.run(
            "/bin/sh",
            ["-c", "setsid \"$@\" > /dev/null 2>&1 < /dev/null & echo $!", "sh", command.executable]
                + command.arguments,
            directory: server.directory, account: command.account
        ).orThrow()
        let pid = try #require(Int32(shell.standardOutput.filter(\.isNumber)))
        #expect(try await eventually { await server.isReady() })
        return pid
    }

    private func startTime(_ pid: Int32) throws -> UInt64 {
        try #require(statFields(pid).flatMap { $0.count > 19 ? UInt64($0[19]) : nil })
    }

    private func writePIDFile(_ directory: String, _ name: String, pid: Int32, startTime: UInt64) throws {
        try replace("\(directory)/supervisor/\(name).pid", with: "\(pid) \(startTime) \(name)\n")
    }
}

/// Runs a supervisor until its servers answer and `body` is done, then until all have stopped.
func running(_ supervisor: ServerSupervisor, _ body: () async throws -> Void) async throws {
    let task = Task { try await supervisor.run() }
    do {
        try await supervisor.waitUntilReady()
        try await body()
    } catch {
        task.cancel()
        _ = await task.result
        throw error
    }
    task.cancel()
    try await task.value
}
