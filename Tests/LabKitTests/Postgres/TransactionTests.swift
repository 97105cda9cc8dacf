import LabPostgres
import LabTesting
import Testing

@Suite("Transactions")
struct TransactionTests {
    private func count(_ client: PostgresClient) async throws -> Int? {
        try await client.query("select count(*) from entry").first?.value(at: 0, as: Int.self)
    }

    @Test("a transaction is kept when its body returns, and undone when it throws or its task is cancelled")
    func ends() async throws {
        try await Database.withClient { client, _ in
            try await client.query("create table entry (number int primary key)")
            try await client.withTransaction { try await $0.query("insert into entry values (1)") }
            #expect(try await count(client) == 1)
            await #expect(throws: Failure.self) {
                try await client.withTransaction { connection in
                    try await connection.query("insert into entry values (2)")
                    throw Failure("changed my mind")
                }
            }
            let task = Task {
                try await client.withTransaction { connection in
                    try await connection.query("insert into entry values (3)")
                    try await connection.query("select pg_sleep(60)")
                }
            }
            _ = try await eventually { client.statistics.open > client.statistics.idle }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await count(client) == 1)
            #expect(client.statistics.open == client.statistics.idle)
        }
    }

    @Test("a statement's error that was caught makes the commit an error, not a silent loss")
    func caughtError() async throws {
        try await Database.withClient { client, _ in
            let error = await #expect(throws: PostgresError.self) {
                try await client.withTransaction { connection in
                    _ = try? await connection.query("select 1/0")
                }
            }
            #expect(error?.sqlState == "25P02")
        }
    }

    @Test("a serialization failure runs the body again, and both transactions have their effect")
    func conflict() async throws {
        try await Database.withClient { client, _ in
            try await client.query("create table counter (value int)")
            try await client.query("insert into counter values (0)")
            let runs = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await client.withTransaction(.serializable) { connection in
                            runs.rise()
                            let row = try await connection.query("select value from counter").first
                            let value = try #require(try row?.value(at: 0, as: Int32.self))
                            // Long enough that all have read before the first writes.
                            try await connection.query("select pg_sleep(0.2)")
                            try await connection.query("update counter set value = \(value + 1)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.query("select value from counter").first?.value(at: 0, as: Int.self) == 4)
            #expect(runs.count > 4)
        }
    }

    @Test("a connection that was left in a transaction is not lent again")
    func leftOpen() async throws {
        try await Database.withClient(connections: 1) { client, _ in
            let first = try await client.withConnection { connection in
                try await connection.query("begin")
                return connection
            }
            let next = try await client.withConnection { $0.backendProcess }
            #expect(next != first.backendProcess)
            let late = await #expect(throws: PostgresError.self) { try await first.query("select 1") }
            #expect(late?.kind == .usage)
        }
    }
}
