import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

@Suite("The start of a lab", .serialized)
struct StartTests {
    /// Calls `body` with some labs, none of them started and none with ports of its own.
    private static func withLabs(
        _ count: Int, _ labs: [LabUnderTest] = [], _ body: @escaping @Sendable ([LabUnderTest]) async throws -> Void
    ) async throws {
        guard labs.count < count else { return try await body(labs) }
        try await LabUnderTest.withDirectory(choosesPorts: true) { lab in
            try await withLabs(count, labs + [lab], body)
        }
    }

    /// Starts the labs at the same moment, and says what each of the commands answered.
    private static func startAtOnce(_ labs: [LabUnderTest], _ more: [String] = []) async throws -> [ProgramResult] {
        try await withThrowingTaskGroup(of: ProgramResult.self) { group in
            for lab in labs {
                group.addTask { try await lab.run(["up", "--detach", "--json"] + more, timeout: .seconds(240)) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test("labs that start at the same moment all come up, each on ports of its own")
    func manyAtOnce() async throws {
        try await Self.withLabs(4) { labs in
            for result in try await Self.startAtOnce(labs) {
                #expect(result.status.isSuccess, "\(result.standardError)")
            }
            let ports = try labs.flatMap { try $0.ports().all }
            #expect(Set(ports).count == 4 * 6, "\(ports.sorted())")
            for lab in labs {
                let health = try await Program.run("curl", ["--silent", "--fail", lab.info().api + "/readyz"])
                #expect(health.status.isSuccess, "\(health.standardOutput)")
            }
        }
    }

    @Test("of two labs that are started at the same moment with the same port, one comes up and one names the port")
    func samePortAtOnce() async throws {
        let port = LoopbackPort.free()
        try await Self.withLabs(2) { labs in
            let results = try await Self.startAtOnce(labs, ["--https-port", "\(port)"])
            #expect(results.count { $0.status.isSuccess } == 1)
            let refused = try #require(results.first { !$0.status.isSuccess })
            #expect(refused.standardError.contains("port \(port) for https is taken"), "\(refused.standardError)")
            #expect(refused.standardError.contains("--https-port"), "\(refused.standardError)")
        }
    }

    @Test("a port that was asked for goes to who asked, although it is the usual one of another server")
    func usualPortOfAnother() async throws {
        try await Self.withLabs(1) { labs in
            let result = try await labs[0].run(["up", "--detach", "--json", "--dns-port", "8080"])
            // Someone else may have this port on the machine; then the lab says so, and does not move.
            guard result.status.isSuccess else {
                #expect(result.standardError.contains("port 8080 for dns is taken"), "\(result.standardError)")
                return
            }
            #expect(try labs[0].ports().dns == 8080)
            #expect(try labs[0].ports().http != 8080)
        }
    }

    @Test("a lab whose machine loses power comes back with all that was accepted")
    func powerLoss() async throws {
        try await LabUnderTest.with { lab in
            try await TestUpstream.with("notes") { upstream in
                let deployed = try await lab.deploy("notes", upstream: upstream)
                #expect(deployed.status.isSuccess, "\(deployed.standardError)")
                let before = try lab.ports()
                // In the middle of work: what was accepted is kept as what was finished.
                let accepted = try await lab.run(["call", "app.put", "name=late", "body.upstream=\(upstream)"])
                #expect(accepted.status.isSuccess, "\(accepted.standardError)")
                try await lab.losePower()

                try await lab.up()
                #expect(try lab.ports().all == before.all)
                for app in ["notes", "late"] {
                    let isBack = try await eventually {
                        try await lab.fetch("\(app).home.arpa").standardOutput == "hello from notes\n"
                    }
                    #expect(isBack, "\(app)")
                    let isDocumented = try await eventually { try await lab.page(of: app)?.contains(app) == true }
                    #expect(isDocumented, "\(app)")
                }
            }
        }
    }
}
