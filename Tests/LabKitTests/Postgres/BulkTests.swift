import LabPostgres
import Testing

@Suite("Pipelines and COPY")
struct BulkTests {
    @Test("a pipeline gives each statement's result in order")
    func pipeline() async throws {
        try await Database.withClient { client, _ in
            let results = try await client.pipeline((0..<500).map { "select \($0)" })
            let numbers = try results.map { try $0.first?.value(at: 0, as: Int.self) }
            #expect(numbers == Array(0..<500))
        }
    }

    @Test("an error in the middle of a pipeline undoes all of it and leaves the connection usable")
    func pipelineError() async throws {
        try await Database.withClient(connections: 1) { client, _ in
            try await client.query("create table entry (number int primary key)")
            let numbers: [Int32] = [1, 2, 1, 3]
            let error = await #expect(throws: PostgresError.self) {
                try await client.pipeline(numbers.map { "insert into entry values (\($0))" } + ["select 'never'"])
            }
            #expect(error?.sqlState == "23505" && error?.constraint == "entry_pkey")
            #expect(error?.place?.contains("insert into entry") == true)
            #expect(try await client.query("select from entry").isEmpty)
            #expect(try await client.pipeline(["select 'never'", "select 2"]).count == 2)
            #expect(client.statistics == PostgresStatistics.idle(1))
        }
    }

    @Test("more statements than a connection keeps prepared still work")
    func manyStatements() async throws {
        try await Database.withClient(connections: 1) { client, _ in
            for round in 0..<2 {
                for number in 0..<300 {
                    let query = PostgresQuery(stringLiteral: "select \(number) + \(round)")
                    #expect(try await client.query(query).first?.value(at: 0, as: Int.self) == number + round)
                }
            }
            let prepared = try await client.query("select count(*) from pg_prepared_statements")
            let count = try #require(try prepared.first?.value(at: 0, as: Int.self))
            #expect(count <= 202)
        }
    }

    @Test("a statement works again after its table was altered")
    func alteredTable() async throws {
        try await Database.withClient(connections: 1) { client, _ in
            try await client.query("create table entry (number int)")
            try await client.query("insert into entry values (1)")
            for _ in 0..<3 { #expect(try await client.query("select * from entry").columns == ["number"]) }
            try await client.query("alter table entry add column name text")
            #expect(try await client.query("select * from entry").columns == ["number", "name"])
        }
    }

    @Test("ten thousand rows are copied with everything in them")
    func copy() async throws {
        try await Database.withClient { client, _ in
            try await client.query("create table entry (number int, text text, bytes bytea, tags text[])")
            let rows = (0..<10_000).lazy.map { number -> [(any PostgresEncodable)?] in
                let text: String? = number % 3 == 0 ? nil : "t\t\\\n\r\(number)"
                let bytes = [UInt8(number % 256)]
                let tags = ["a,\"\\", "\t"]
                return [Int32(number), text, bytes, tags]
            }
            let columns = ["number", "text", "bytes", "tags"]
            #expect(try await client.copyIn("public.entry", columns: columns, rows: rows) == 10_000)
            let found = try await client.query("select * from entry order by number")
            #expect(found.count == 10_000)
            for row in found {
                let (number, text, bytes, tags) = try row.decode((Int, String?, [UInt8], [String]).self)
                #expect(text == (number % 3 == 0 ? nil : "t\t\\\n\r\(number)"))
                #expect(bytes == [UInt8(number % 256)] && tags == ["a,\"\\", "\t"])
            }
        }
    }

    @Test("a row that is refused, or a name that is none, copies nothing and leaves the connection usable")
    func failingCopy() async throws {
        try await Database.withClient(connections: 1) { client, _ in
            try await client.query("create table entry (number int primary key)")
            let session = try await client.withConnection { $0.backendProcess }
            let rows = (0..<50_000).lazy.map { number -> [(any PostgresEncodable)?] in [Int32(number % 40_000)] }
            let error = await #expect(throws: PostgresError.self) {
                try await client.copyIn("entry", columns: ["number"], rows: rows)
            }
            #expect(error?.sqlState == "23505")
            await #expect(throws: PostgresError.self) {
                try await client.copyIn("entry", columns: ["number"], rows: [[1, 2]])
            }
            await #expect(throws: PostgresError.self) {
                try await client.copyIn("entry; drop table entry", columns: ["number"], rows: [[1]])
            }
            #expect(try await client.query("select from entry").isEmpty)
            #expect(try await client.withConnection { $0.backendProcess } == session)
        }
    }

    @Test("COPY as a query is an error, and the pool replaces the connection")
    func copyAsQuery() async throws {
        try await Database.withClient(connections: 1) { client, _ in
            try await client.query("create table entry (number int)")
            for _ in 0..<2 {
                let error = await #expect(throws: PostgresError.self) {
                    try await client.query("copy entry from stdin")
                }
                #expect(error?.description.contains("copyIn") == true)
            }
            #expect(try await client.query("select 1").count == 1)
        }
    }
}
