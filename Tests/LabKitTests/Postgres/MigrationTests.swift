import LabPostgres
import Testing

@Suite("Migrations")
struct MigrationTests {
    private static let first = PostgresMigration(
        name: "lab_0001_counter", sql: "create table counter (value int); insert into counter values (0);")
    private static let second = PostgresMigration(name: "lab_0002_rise", sql: "update counter set value = value + 1;")

    @Test("two clients that migrate at once apply each migration once")
    func concurrency() async throws {
        try await Database.withClient { client, database in
            let other = try database.client()
            async let ours = client.migrate([Self.first, Self.second])
            async let theirs = other.migrate([Self.first, Self.second])
            let applied = try await (ours + theirs).sorted()
            #expect(applied == [Self.first.name, Self.second.name])
            #expect(try await client.migrate([Self.first, Self.second]) == [])
            #expect(try await client.query("select value from counter").first?.value(at: 0, as: Int.self) == 1)
            await other.shutdown()
        }
    }

    @Test("a migration that was changed after it had been applied is refused by name")
    func changed() async throws {
        try await Database.withClient { client, _ in
            try await client.migrate([Self.first, Self.second])
            let changed = PostgresMigration(name: Self.second.name, sql: "update counter set value = 100;")
            let error = await #expect(throws: PostgresError.self) { try await client.migrate([Self.first, changed]) }
            #expect(error?.kind == .migration)
            #expect(error?.description.contains("“lab_0002_rise” was changed") == true)
            #expect(try await client.query("select value from counter").first?.value(at: 0, as: Int.self) == 1)
        }
    }

    @Test("a migration that fails leaves nothing behind, and can be corrected")
    func failing() async throws {
        try await Database.withClient { client, _ in
            let broken = PostgresMigration(name: "lab_0001_counter", sql: "create table half (a int); select 1/0;")
            let error = await #expect(throws: PostgresError.self) { try await client.migrate([broken]) }
            #expect(error?.sqlState == "22012")
            let found = try await client.query("select to_regclass('half') is null, count(*) from lab.migration").first
            let (isGone, recorded) = try #require(try found?.decode((Bool, Int).self))
            #expect(isGone && recorded == 0)
            #expect(try await client.migrate([Self.first]) == [Self.first.name])
        }
    }
}
