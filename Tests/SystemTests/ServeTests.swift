import Foundation
import LabCore
import LabHTTPClient
import LabServers
import LabState
import LabTesting
import Logging
import Testing

@Suite("Each service alone", .serialized)
struct ServeTests {
    @Test(
        "a service with servers elsewhere, configured by the environment and files, answers and stops at once",
        arguments: ["dns-manager", "proxy-router", "provisioner"])
    func alone(service: String) async throws {
        try await withServers { environment, directory in
            let port = LoopbackPort.free()
            let environment = environment.merging(["LAB_API_PORT": String(port)]) { $1 }
            let child = try ChildProcess(LabUnderTest.program, ["serve", service], environment: environment)
            defer { child.kill() }
            let base = "http://127.0.0.1:\(port)"
            let answers = try await eventually {
                try await Program.run("curl", ["-sf", "\(base)/readyz"]).standardOutput
                    == "\(service): database ok, broker ok\n"
            }
            try #require(answers, "\(child.output)")
            #expect(try await Program.run("curl", ["-sf", "\(base)/healthz"]).standardOutput == "ok\n")

            let description = try await Program.run(
                "curl", ["-sf", "-H", "Authorization: Bearer lab_from-a-file", "\(base)/openapi.json"])
            let document = try JSONText(trusted: description.standardOutput).decode(JSONValue.self)
            let committed = try Data(
                contentsOf: LabUnderTest.repository.appending(path: "docs/openapi/\(service).json"))
            #expect(try document == JSONDecoder().decode(JSONValue.self, from: committed))

            let start = ContinuousClock.now
            child.terminate()
            let status = try await child.end()
            #expect(ContinuousClock.now - start < .seconds(2))
            #expect(status == 0, "\(child.output)")
        }
    }

    @Test("a missing setting, an unknown service and a file that is not there are named, and end it with a failure")
    func misconfigured() async throws {
        let missing = try await Program.run(LabUnderTest.program, ["serve", "dns-manager"])
        #expect(missing.status == .exited(1))
        #expect(missing.standardError.contains("LAB_DATABASE_URL"), "\(missing.standardError)")
        let unknown = try await Program.run(LabUnderTest.program, ["serve", "dns"])
        #expect(unknown.status == .exited(64))
        #expect(unknown.standardError.contains("dns-manager"))
        let file = try await Program.run(
            LabUnderTest.program, ["serve", "dns-manager"],
            environment: ["LAB_DATABASE_URL_FILE": "/nonexistent/url"])
        #expect(file.status == .exited(1))
        #expect(file.standardError.contains("LAB_DATABASE_URL_FILE names /nonexistent/url"), "\(file.standardError)")
    }

    /// Runs all four servers and gives the environment of a service on them; its secrets are in files.
    private func withServers(
        _ body: @escaping @Sendable (_ environment: [String: String], _ directory: String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withPrivatePostgres { postgres in
                try await withPrivateMosquitto { broker in
                    try await withPrivateUnbound { unbound in
                        try await withPrivateNginx { nginx in
                            let role = "password=role-password host=127.0.0.1 port=\(postgres.port) dbname=postgres"
                            var environment = [
                                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                "LAB_MQTT_HOST": "127.0.0.1", "LAB_MQTT_PORT": String(broker.port),
                                "LAB_MQTT_USER": broker.user, "LAB_DNS_SERVER": "127.0.0.1:\(unbound.port)",
                                "LAB_UNBOUND_CONTROL": unbound.controlSocket,
                                "LAB_UNBOUND_CONF": unbound.server.configurationFile,
                                "LAB_UNBOUND_RECORDS": unbound.recordsFile, "LAB_HTTP_PORT": String(nginx.ports[0]),
                                "LAB_HTTPS_PORT": String(nginx.ports[1]), "LAB_NGINX_DIR": nginx.directory,
                                "LAB_NGINX_CONF": nginx.configurationFile, "LAB_NGINX_PID": nginx.server.pidFile,
                                "LAB_SEALING_KEY_FILE": "\(directory)/sealing.key", "LAB_DOCS_DIR": "\(directory)/docs",
                                "LAB_LOG_LEVEL": "notice",
                            ]
                            var secrets = [
                                "LAB_DATABASE_OWNER_URL": postgres.connectionString,
                                "LAB_DATABASE_PASSWORD": "role-password", "LAB_MQTT_PASSWORD": broker.password,
                                "LAB_ADMIN_TOKEN": "lab_from-a-file",
                            ]
                            for service in ["dns_manager", "proxy_router", "provisioner"] {
                                secrets["LAB_DATABASE_URL_\(service.uppercased())"] = "user=lab_\(service) \(role)"
                            }
                            for (key, secret) in secrets {
                                let path = "\(directory)/\(key)"
                                try Data((secret + "\n").utf8).write(to: URL(filePath: path))
                                environment[key + "_FILE"] = path
                            }
                            try await body(environment, directory)
                        }
                    }
                }
            }
        }
    }
}
