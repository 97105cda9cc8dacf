import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

@Suite("The command line", .serialized)
struct CommandLineTests {
    @Test("from another machine, with a URL, a token and the authority alone, every command works")
    func elsewhere() async throws {
        try await LabUnderTest.with { lab in
            let info = try await lab.info()
            try await withTLSProxy(to: info.api) { url, authority in
                let made = try await lab.run(["token", "create", "laptop", "--scope", "admin"])
                let remote = LabElsewhere(
                    environment: [
                        "LAB_URL": url, "LAB_CA": authority,
                        "LAB_TOKEN": made.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines),
                    ])
                try await TestUpstream.with("far") { upstream in
                    let deployed = try await remote.succeed(["deploy", "far", "--upstream", upstream])
                    #expect(deployed.contains("https://far.home.arpa:\(info.httpsPort)\n"), "\(deployed)")
                    #expect(try await remote.succeed(["status"]).contains("far"))
                    #expect(try await remote.succeed(["call", "dns.zones.list"]).contains("home.arpa"))
                    #expect(try await remote.succeed(["events"]).contains("app.online far"))
                    let token = try await remote.succeed(["token", "create", "phone"])
                    #expect(token.hasPrefix("lab_"))
                    #expect(try await remote.succeed(["token", "list"]).contains("phone"))
                    _ = try await remote.succeed(["token", "revoke", "phone", "--yes"])
                    _ = try await remote.succeed(["remove", "far", "--yes"])
                }
            }
            let page = try String(contentsOfFile: info.docs + "/services/provisioner.md", encoding: .utf8)
            #expect(page.contains("https://provisioner.home.arpa:\(info.httpsPort)"), "\(page)")
        }
    }

    @Test("faults say what is wrong and what to do, and end with the status of their kind")
    func faults() async throws {
        try await LabUnderTest.with { lab in
            let spelled = try await lab.run(["call", "dns.record.lst"])
            #expect(spelled.status == .exited(64))
            #expect(spelled.standardError.contains("Did you mean dns.record.list?"), "\(spelled.standardError)")
            let field = try await lab.run(["call", "app.list", "limt=5"])
            #expect(field.status == .exited(64))
            #expect(field.standardError.contains("Did you mean “limit”?"), "\(field.standardError)")
            let refused = try await lab.run(["deploy", "Not_A_Name", "--upstream", "http://127.0.0.1:9"])
            #expect(refused.status == .exited(64))
            let absent = try await lab.run(["status", "nothing"])
            #expect(absent.status == .exited(1))
            #expect(absent.standardError.contains("App nothing does not exist"), "\(absent.standardError)")
            let unconfirmed = try await lab.run(["remove", "provisioner"])
            #expect(unconfirmed.status == .exited(64))
            #expect(unconfirmed.standardError.contains("--yes"), "\(unconfirmed.standardError)")

            let api = try await lab.info().api
            let stranger = LabElsewhere(environment: ["LAB_URL": api, "LAB_TOKEN": "lab_wrong"])
            let wrong = try await stranger.run(["status"])
            #expect(wrong.status == .exited(1))
            #expect(wrong.standardError.contains("the token is not known"), "\(wrong.standardError)")
        }
        let nobody = LabElsewhere(environment: ["LAB_URL": "http://127.0.0.1:\(LoopbackPort.free())", "LAB_TOKEN": "x"])
        #expect(try await nobody.run(["status"]).status == .exited(2))
        let alone = try await LabElsewhere(environment: ["LAB_STATE_DIR": "/nonexistent"]).run(["status"])
        #expect(alone.status == .exited(2))
        #expect(alone.standardError.contains("lab up"), "\(alone.standardError)")
        let tokenless = try await LabElsewhere(environment: ["LAB_URL": "http://127.0.0.1:1"]).run(["status"])
        #expect(tokenless.standardError.contains("LAB_TOKEN"), "\(tokenless.standardError)")
    }

    @Test("with --json, standard output is one document on each line and nothing else")
    func json() async throws {
        try await LabUnderTest.with { lab in
            try await TestUpstream.with("notes") { upstream in
                for command in [
                    ["info"], ["deploy", "notes", "--upstream", upstream], ["status"], ["status", "notes"],
                    ["why", "notes"], ["events"], ["call"], ["call", "app.get", "name=notes"], ["token", "list"],
                    ["token", "create", "phone"], ["token", "revoke", "phone", "--yes"], ["up", "--detach"],
                    ["remove", "notes", "--yes"],
                ] {
                    let result = try await lab.run(command + ["--json"])
                    #expect(result.status.isSuccess, "\(command): \(result.standardError)")
                    let lines = result.standardOutput.split(separator: "\n")
                    #expect(command == ["events"] ? lines.count > 1 : lines.count == 1, "\(command)")
                    for line in lines {
                        #expect(throws: Never.self, "\(command): \(line)") {
                            try JSONText(trusted: String(line)).decode(JSONValue.self)
                        }
                    }
                }
            }
        }
    }

    @Test("the log of a detached lab has no password and no token")
    func log() async throws {
        try await LabUnderTest.with(environment: ["LAB_LOG_LEVEL": "debug"]) { lab in
            let info = try await lab.info()
            let log = try String(contentsOfFile: info.stateDir + "/lab.log", encoding: .utf8)
            let token = try String(contentsOfFile: info.tokenFile, encoding: .utf8)
            let folder = info.stateDir + "/secrets"
            let secrets = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
                try? String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8)
            }
            #expect(secrets.count > 5)
            for secret in secrets + [token, info.mqttPassword] {
                #expect(!log.contains(secret.trimmingCharacters(in: .whitespacesAndNewlines)))
            }
        }
    }

    @Test("completions are made for each shell, and bash can read its own", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) async throws {
        let script = try await Program.run(LabUnderTest.program, ["--generate-completion-script", shell])
        #expect(script.status.isSuccess, "\(script.standardError)")
        #expect(script.standardOutput.contains("dns.record.put"))
        if shell == "bash" {
            let checked = try await Program.run("bash", ["-n"], input: script.standardOutput)
            #expect(checked.status.isSuccess, "\(checked.standardError)")
        }
    }

    /// An nginx with a certificate of its own before the API, as a proxy in front of a lab is.
    private func withTLSProxy(
        to api: String, _ body: @escaping @Sendable (_ url: String, _ authority: String) async throws -> Void
    ) async throws {
        try await withPrivateNginx { nginx in
            let certificate = nginx.directory + "/proxy.pem"
            try await Program.run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=proxy", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    nginx.directory + "/proxy.key", "-out", certificate,
                ]
            ).orThrow()
            let site = """
                server {
                    listen 127.0.0.1:\(nginx.ports[1]) ssl;
                    ssl_certificate proxy.pem;
                    ssl_certificate_key proxy.key;
                    location / {
                        proxy_pass \(api);
                        proxy_buffering off;
                    }
                }
                """
            try Data(site.utf8).write(to: URL(filePath: nginx.server.siteDirectory + "/api.conf"))
            try await nginx.reload()
            let url = "https://127.0.0.1:\(nginx.ports[1])"
            #expect(
                try await eventually {
                    try await Program.run("curl", ["-sf", "--cacert", certificate, url + "/healthz"]).status.isSuccess
                })
            try await body(url, certificate)
        }
    }
}

/// The program as it runs on a machine without a lab: what it knows, it has from the environment.
struct LabElsewhere: Sendable {
    let environment: [String: String]

    func run(_ arguments: [String]) async throws -> ProgramResult {
        let apart = ["HOME": "/nonexistent", "LAB_HOME": "", "NO_COLOR": "1"]
        return try await Program.run(
            LabUnderTest.program, arguments, environment: apart.merging(environment) { $1 }, timeout: .seconds(120))
    }

    /// What the command writes; it must not fail.
    func succeed(_ arguments: [String]) async throws -> String {
        let result = try await run(arguments)
        try #require(result.status.isSuccess, "\(arguments): \(result.standardOutput)\(result.standardError)")
        return result.standardOutput
    }
}
