import LabServers
import LabTesting
import Testing

@Suite("A private PostgreSQL")
struct PostgresServerTests {
    @Test("it answers a query over TCP with its password and is gone afterwards")
    func answers() async throws {
        let (pid, directory) = try await withPrivatePostgres { postgres in
            let answer = try await query("select 6 * 7", postgres.connectionString)
            #expect(answer == "42")
            #expect(try await query("show listen_addresses", postgres.socketConnectionString) == "127.0.0.1")
            return (try #require(await postgres.pid), postgres.directory)
        }
        #expect(!processExists(pid))
        #expect(!fileExists(directory))
    }

    @Test("a wrong password is refused over TCP")
    func refusesWrongPassword() async throws {
        try await withPrivatePostgres { postgres in
            let result = try await Program.run(
                "psql", ["-Xqtc", "select 1", postgres.server.connectionString()],
                environment: ["PGPASSWORD": "wrong"])
            #expect(result.standardError.contains("password authentication failed"))
        }
    }

    @Test("committed rows survive kill -9, and the successor is another process")
    func survivesKill() async throws {
        try await withPrivatePostgres { postgres in
            try await query("create table kept(id int); insert into kept values (7)", postgres.connectionString)
            let before = await postgres.pid
            try await postgres.killAndWaitUntilReady()
            #expect(await postgres.pid != before)
            #expect(try await postgres.status.restarts == 1)
            #expect(try await query("select id from kept", postgres.connectionString) == "7")
        }
    }

    @discardableResult
    private func query(_ sql: String, _ connection: String) async throws -> String {
        try await Program.run("psql", ["-XqtAc", sql, connection]).orThrow()
            .standardOutput.split(separator: "\n").joined(separator: "\n")
    }
}
