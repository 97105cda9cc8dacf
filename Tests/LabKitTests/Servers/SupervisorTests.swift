import FoundationEssentials
import LabCore
import LabServers
import LabTesting
import Logging
import Testing

@Suite("A supervisor")
struct SupervisorTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test("runs all four servers at once, and leaves no process behind within a bounded time")
    func runsAll() async throws {
        try await withTemporaryDirectory { directory in
            let supervisor = try ServerSupervisor(
                stateDirectory: directory,
                servers: [
                    PostgresServer(
                        directory: "\(directory)/postgres", port: LoopbackPort.free(), password: Secret("secret"),
                        isDurable: false),
                    MosquittoServer(directory: "\(directory)/mosquitto", port: LoopbackPort.free(), accounts: []),
                    UnboundServer(directory: "\(directory)/unbound", port: LoopbackPort.free()),
                    NginxServer(directory: "\(directory)/nginx", ports: [LoopbackPort.free()]),
                ], logger: logger)
            var groups: [Int32] = []
            var stopping = ContinuousClock.now
            try await running(supervisor) {
                let all = await supervisor.status
                #expect(all.map(\.phase) == [.ready, .ready, .ready, .ready])
                groups = all.compactMap(\.pid)
                stopping = .now
            }
            #expect(ContinuousClock.now - stopping < .seconds(10))
            #expect(groups.count == 4)
            for group in groups { try #expect(!processGroupExists(group)) }
        }
    }

    @Test("names the port and the server when another process has the port")
    func namesTakenPort() async throws {
        try await withPrivateMosquitto { other in
            try await withTemporaryDirectory { directory in
                let supervisor = try ServerSupervisor(
                    stateDirectory: directory,
                    servers: [MosquittoServer(directory: "\(directory)/server", port: other.port, accounts: [])],
                    logger: logger)
                let error = await #expect(throws: ServerError.self) { try await supervisor.run() }
                #expect(error == .portTaken(server: "mosquitto", port: other.port))
                #expect(error?.description.contains("127.0.0.1:\(other.port)") == true)
            }
        }
    }

    @Test("tells the server's own words when it ends before it answers")
    func tellsLastLines() async throws {
        try await withTemporaryDirectory { directory in
            let server = NginxServer(directory: "\(directory)/server", ports: [LoopbackPort.free()])
            try await server.prepare()
            try replace(server.configurationFile, with: "no_such_directive on;\n")
            let supervisor = try ServerSupervisor(stateDirectory: directory, servers: [server], logger: logger)
            let error = await #expect(throws: ServerError.self) { try await supervisor.run() }
            #expect(error?.description.contains("no_such_directive") == true)
        }
    }

    @Test("refuses a state directory that another supervisor holds")
    func locksDirectory() async throws {
        try await withTemporaryDirectory { directory in
            func supervisor() throws -> ServerSupervisor {
                try ServerSupervisor(
                    stateDirectory: directory,
                    servers: [UnboundServer(directory: "\(directory)/server", port: LoopbackPort.free())],
                    logger: logger)
            }
            try await running(try supervisor()) {
                await #expect(throws: ServerError.stateDirectoryInUse(path: "\(directory)/supervisor")) {
                    try await supervisor().run()
                }
            }
        }
    }

    @Test("keeps a held server away until it is released")
    func holds() async throws {
        try await withPrivateMosquitto { broker in
            try await broker.goAway()
            #expect(await !broker.server.isReady())
            #expect(await broker.pid == nil)
            try await broker.comeBack()
            #expect(await broker.server.isReady())
        }
    }

    @Test("refuses a directory that is too long for PostgreSQL's socket, and says so")
    func checksSocketPath() async {
        let directory = "/tmp/" + String(repeating: "x", count: 120)
        let server = PostgresServer(directory: directory, port: 15_432, password: Secret("secret"))
        let error = await #expect(throws: ServerError.self) { try await server.prepare() }
        #expect(error?.description.contains("107") == true)
        #expect(!fileExists(directory))
    }

    @Test("a log takes at most two files of its limit, and keeps the last lines at hand")
    func boundsLog() async throws {
        try await withTemporaryDirectory { directory in
            let log = try RotatingLog(path: "\(directory)/flood.log", maximumSize: 64_000)
            for number in 0..<20_000 { log.append(Array("line \(number) of a flood of output\n".utf8)) }
            let sizes = try ["flood.log", "flood.log.1"].map { name in
                try Data(contentsOf: URL(filePath: "\(directory)/\(name)")).count
            }
            #expect(sizes.allSatisfy { $0 <= 64_000 })
            #expect(log.lastLines.last == "line 19999 of a flood of output")
            #expect(log.lastLines.count == 20)
        }
    }
}
