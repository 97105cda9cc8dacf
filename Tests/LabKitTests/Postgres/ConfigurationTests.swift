import LabCore
import LabPostgres
import LabServers
import LabTesting
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    @Test(
        "both forms of connection strings are understood",
        arguments: [
            "postgres://lab:s%40crt@db.example:6543/things?sslmode=disable&application_name=me",
            "host=db.example port=6543 user=lab password='s@crt' dbname=things sslmode=disable application_name=me",
        ])
    func connectionStrings(text: String) throws {
        let configuration = try PostgresConfiguration(connectionString: text)
        #expect(configuration.host == "db.example" && configuration.port == 6543)
        #expect(configuration.user == "lab" && configuration.database == "things")
        #expect(configuration.password == Secret("s@crt") && configuration.applicationName == "me")
        #expect(configuration.parameters["sslmode"] == "disable")
        #expect(!"\(configuration)".contains("crt"))
    }

    @Test("an error about a connection string does not repeat it")
    func unreadable() {
        let error = #expect(throws: PostgresError.self) {
            try PostgresConfiguration(connectionString: "postgres://lab:hunter2%@db/x?nonsense=1")
        }
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("a client reaches the server over its Unix socket, with its settings")
    func unixSocket() async throws {
        try await Database.with { database in
            let client = try database.client {
                $0.host = database.server.server.socketDirectory
                $0.applicationName = "one two"
                $0.statementTimeout = .milliseconds(300)
            }
            let rows = try await client.query("select current_setting('application_name'), current_setting('TimeZone')")
            let (name, zone) = try #require(try rows.first?.decode((String, String).self))
            #expect(name == "one two" && zone == "UTC")
            let error = await #expect(throws: PostgresError.self) { try await client.query("select pg_sleep(60)") }
            #expect(error?.sqlState == "57014")
            await client.shutdown()
        }
    }

    @Test("a name that could end the quotes is no identifier", arguments: ["", "a\"b", "a b", "a..b", "x;y", "é\0"])
    func identifiers(text: String) {
        #expect(throws: InvalidText.self) { try PostgresIdentifier(text) }
    }
}
