import LabServers
import LabTesting
import Testing

@Suite("A private Unbound")
struct UnboundServerTests {
    @Test("it answers from its records after a restart, refuses the rest, and is gone afterwards")
    func answers() async throws {
        let pid = try await withPrivateUnbound { unbound in
            #expect(try await dig("app.lab.example", unbound).contains("REFUSED"))
            let records = "local-zone: \"lab.example.\" static\nlocal-data: \"app.lab.example. 60 IN A 192.0.2.7\"\n"
            try replace(unbound.recordsFile, with: records)
            try await unbound.restart()
            #expect(try await dig("app.lab.example", unbound).contains("192.0.2.7"))
            #expect(try await dig("other.example", unbound).contains("REFUSED"))
            return try #require(await unbound.pid)
        }
        #expect(!processExists(pid))
    }

    @Test("it comes back after kill -9")
    func survivesKill() async throws {
        try await withPrivateUnbound { unbound in
            try await unbound.killAndWaitUntilReady()
            #expect(try await dig("app.lab.example", unbound).contains("REFUSED"))
        }
    }

    private func dig(_ name: String, _ unbound: PrivateUnbound) async throws -> String {
        try await Program.run("dig", ["@127.0.0.1", "-p", "\(unbound.port)", name, "A"]).orThrow().standardOutput
    }
}
