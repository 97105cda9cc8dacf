import LabServers
import LabTesting
import Testing

@Suite("A private nginx")
struct NginxServerTests {
    @Test("it answers, takes a new configuration by reload, and is gone afterwards with its workers")
    func answers() async throws {
        let group = try await withPrivateNginx { nginx in
            #expect(try await get(nginx) == "404")
            let site = "server { listen 127.0.0.1:\(nginx.ports[1]); return 204; }\n"
            try replace("\(nginx.server.siteDirectory)/site.conf", with: site)
            try await nginx.reload()
            #expect(try await eventually { try await get(nginx, port: nginx.ports[1]) == "204" })
            return try #require(await nginx.pid)
        }
        try #expect(!processGroupExists(group))
    }

    @Test("after kill -9 of the master its workers do not keep the port")
    func survivesKill() async throws {
        try await withPrivateNginx { nginx in
            let group = try #require(await nginx.pid)
            try await nginx.killAndWaitUntilReady()
            try #expect(!processGroupExists(group))
            #expect(try await get(nginx) == "404")
        }
    }

    private func get(_ nginx: PrivateNginx, port: Int? = nil) async throws -> String {
        try await Program.run(
            "curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:\(port ?? nginx.port)/"]
        ).standardOutput
    }
}
