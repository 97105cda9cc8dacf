import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

@Suite("A whole lab", .serialized)
struct DeploymentTests {
    @Test("a deployed upstream is online from outside, documented and told; removed, nothing of it is left")
    func deployAndRemove() async throws {
        try await LabUnderTest.with { lab in
            try await TestUpstream.with("notes") { upstream in
                let deployed = try await lab.deploy("notes", upstream: upstream, more: ["--title", "My notes"])
                #expect(deployed.status.isSuccess, "\(deployed.standardOutput)\(deployed.standardError)")
                for condition in ["Running", "Routed", "Resolvable", "Online", "Documented"] {
                    #expect(deployed.standardOutput.contains(condition))
                }
                #expect(deployed.standardOutput.contains("https://notes.home.arpa"))

                let answer = try await lab.fetch("notes.home.arpa")
                #expect(answer.standardOutput == "hello from notes\n", "\(answer.standardError)")
                let page = try #require(await lab.page(of: "notes"))
                #expect(page.contains("My notes"))
                let status = try await lab.run(["status"])
                #expect(status.standardOutput.contains("notes"))
                let why = try await lab.run(["why", "notes"])
                #expect(why.status.isSuccess, "\(why.standardOutput)\(why.standardError)")

                let removed = try await lab.run(["remove", "notes", "--yes"])
                #expect(removed.status.isSuccess, "\(removed.standardError)")
                #expect(try await lab.resolve("notes.home.arpa").isEmpty)
                #expect(try await lab.page(of: "notes") == nil)
                let rest = try await lab.remains(of: "notes")
                #expect(rest.isEmpty, "\(rest)")
            }
        }
    }

    @Test("the platform's own services are online under their names")
    func platform() async throws {
        try await LabUnderTest.with { lab in
            for name in ["provisioner", "dns-manager", "proxy-router"] {
                let isOnline = try await eventually {
                    try await lab.fetch("\(name).home.arpa", path: "/healthz").standardOutput == "ok\n"
                }
                #expect(isOnline, "\(name)")
            }
        }
    }

    @Test("why names the step that is wrong")
    func why() async throws {
        try await LabUnderTest.with { lab in
            try await TestUpstream.with("notes") { upstream in
                _ = try await lab.deploy("notes", upstream: upstream)
            }
            let why = try await lab.run(["why", "notes", "--json"])
            #expect(!why.status.isSuccess)
            let document = try JSONText(trusted: why.standardOutput).decode(JSONValue.self)
            #expect(document["wrong"] == "Upstream")
        }
    }

    @Test("a second up finds the first; a lab that was killed comes back with everything")
    func recovery() async throws {
        try await LabUnderTest.with { lab in
            try await TestUpstream.with("notes") { upstream in
                _ = try await lab.deploy("notes", upstream: upstream)
                let before = try await lab.info()
                try await lab.up()
                #expect(try await lab.info().pids.lab == before.pids.lab)

                try await lab.killAndStartAnew()
                let after = try await lab.info()
                #expect(after.pids.lab != before.pids.lab)
                #expect(after.https == before.https)
                #expect(
                    try await eventually {
                        try await lab.fetch("notes.home.arpa").standardOutput == "hello from notes\n"
                    })
            }
        }
    }

    @Test("each server that is killed comes back, and what is declared with it")
    func killedServers() async throws {
        try await LabUnderTest.with { lab in
            try await TestUpstream.with("notes") { upstream in
                _ = try await lab.deploy("notes", upstream: upstream)
                for server in [LabProcess.unbound, .nginx, .mosquitto, .postgres] {
                    try await lab.strike(server)
                    let isBack = try await eventually {
                        try await lab.fetch("notes.home.arpa").standardOutput == "hello from notes\n"
                    }
                    #expect(isBack, "after a kill of \(server)")
                }
                let again = try await lab.deploy("second", upstream: upstream)
                #expect(again.status.isSuccess, "\(again.standardError)")
            }
        }
    }

    @Test("an upstream that is not there is named as the reason, and comes online by itself once it is")
    func upstreamAway() async throws {
        try await LabUnderTest.with { lab in
            let deployed = try await lab.deploy("ghost", upstream: "http://127.0.0.1:9", more: ["--timeout", "5"])
            #expect(!deployed.status.isSuccess)
            #expect(deployed.standardError.contains("ghost is not Running"), "\(deployed.standardError)")
            try await TestUpstream.with("ghost") { upstream in
                let again = try await lab.deploy("ghost", upstream: upstream)
                #expect(again.status.isSuccess, "\(again.standardError)")
            }
        }
    }
}

extension LabUnderTest {
    /// Everything that still has an app's name in it: rows, records in the resolver, routes in the proxy.
    func remains(of app: String) async throws -> [String] {
        let info = try await info()
        let rows = try await Program.run(
            "psql",
            [info.postgres, "-Atc", "select kind || ' ' || name from lab.resource where name like '%\(app)%'"]
        ).standardOutput.split(separator: "\n").map(String.init)
        let files = try FileManager.default.subpathsOfDirectory(atPath: info.stateDir + "/nginx/current")
            .filter { $0.contains(app) }
        return rows + files
    }
}
