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
            let option = try await lab.run([
                "deploy", "x", "--upstream", "http://127.0.0.1:9", "--host", "a_b.home.arpa",
            ])
            #expect(option.standardError.contains("  --host: the label “a_b”"), "\(option.standardError)")
            let absent = try await lab.run(["status", "nothing"])
            #expect(absent.status == .exited(1))
            #expect(absent.standardError.contains("App nothing does not exist"), "\(absent.standardError)")
            #expect(absent.standardError.contains("“lab status”"), "\(absent.standardError)")
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
                    #expect(!(result.standardOutput + result.standardError).contains("\u{1B}"), "\(command)")
                    let lines = result.standardOutput.split(separator: "\n")
                    #expect(command == ["events"] ? lines.count > 1 : lines.count == 1, "\(command)")
                    for line in lines {
                        #expect(throws: Never.self, "\(command): \(line)") {
                            try JSONText(trusted: String(line)).decode(JSONValue.self)
                        }
                    }
                }
            }
            // What fails says so on standard error; on the other is what is known, or nothing.
            let away = ["deploy", "ghost", "--upstream", "http://127.0.0.1:9", "--timeout", "1"]
            for (command, count) in [(away, 1), (["why", "ghost"], 1), (["status", "nothing"], 0)] {
                let result = try await lab.run(command + ["--json"])
                #expect(result.status == .exited(1))
                let lines = result.standardOutput.split(separator: "\n")
                #expect(lines.count == count, "\(command): \(result.standardOutput)")
                for line in lines { _ = try JSONText(trusted: String(line)).decode(JSONValue.self) }
            }
        }
    }

    @Test("a lab stops at once though somebody follows its events, and tells them")
    func followed() async throws {
        try await LabUnderTest.with { lab in
            let follower = try ChildProcess(
                LabUnderTest.program, ["events", "-f"], environment: ["LAB_STATE_DIR": lab.directory])
            defer { follower.kill() }
            #expect(try await eventually { follower.output.contains("app.online provisioner") })
            // Given up by its time-out: the server sees that nobody reads any more only when it writes.
            _ = try await lab.deploy("ghost", upstream: "http://127.0.0.1:9", more: ["--timeout", "1"])
            let start = ContinuousClock.now
            try await lab.down()
            // A stream says that it is still there every 15 s, and waits for nothing else meanwhile.
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(try await follower.end() == 2)
            #expect(follower.output.contains("does not answer"), "\(follower.output)")
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

    @Test("on a terminal no line is longer than the window, no word of a fault is cut; without one there is no colour")
    func terminal() async throws {
        try await LabUnderTest.with { lab in
            let deployed = try await lab.deploy("ghost", upstream: "http://127.0.0.1:9", more: ["--timeout", "2"])
            #expect(!deployed.status.isSuccess)
            let faults = [
                ["status", "nothing"], ["deploy", "Not_A_Name", "--upstream", "http://127.0.0.1:9"],
                ["deploy", "x", "--upstream", "ftp:zz"], ["call", "dns.record.lst"], ["why", "ghost"],
            ]
            for arguments in faults + [["status"], ["status", "ghost"], ["events"], ["info"], ["call"]] {
                let piped = try await lab.runInColour([LabUnderTest.program] + arguments)
                #expect(!(piped.standardOutput + piped.standardError).contains("\u{1B}"), "\(arguments)")
                let script = "stty cols 80; exec \(LabUnderTest.program) \(arguments.joined(separator: " "))"
                let seen = try await lab.runInColour(["script", "-qec", script, "/dev/null"]).standardOutput
                #expect(seen.contains("\u{1B}["), "\(arguments): \(seen)")
                let text = seen.replacing(/\u{1B}\[[0-9;]*m/, with: "")
                let widest = text.split(whereSeparator: \.isNewline).max { $0.count < $1.count } ?? ""
                #expect(widest.count <= 80, "\(arguments): \(widest)")
                guard faults.contains(arguments) else { continue }
                let words = (piped.standardOutput + piped.standardError).split(whereSeparator: \.isWhitespace)
                #expect(text.split(whereSeparator: \.isWhitespace) == words, "\(arguments)")
            }
        }
    }

    @Test(
        "each shell can read its completions, and they have the commands, options and operations",
        arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) async throws {
        let made = try await Program.run(LabUnderTest.program, ["--generate-completion-script", shell])
        #expect(made.status.isSuccess, "\(made.standardError)")
        for word in ["deploy", "upstream", "dns.record.put"] { #expect(made.standardOutput.contains(word), "\(word)") }
        guard ["/bin", "/usr/bin"].contains(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(shell)") })
        else { return }
        try await withTemporaryDirectory { directory in
            let file = "\(directory)/completions"
            try made.standardOutput.write(toFile: file, atomically: true, encoding: .utf8)
            let read = try await Program.run(shell, ["-n", file])
            #expect(read.status.isSuccess && read.standardError.isEmpty, "\(read.standardError)")
            // What a person gets who presses the tab key; zsh completes only at a terminal.
            for (line, word) in [("lab dep", "deploy"), ("lab deploy --ups", "--upstream")] where shell != "zsh" {
                let ask = shell == "fish" ? "source $argv[1]; complete -C $argv[2]" : Self.askBash
                let arguments = shell == "fish" ? ["-c", ask, file, line] : ["-c", ask, "bash", file, line]
                let offered = try await Program.run(shell, arguments, environment: ["HOME": directory])
                let words = offered.standardOutput.split(whereSeparator: \.isWhitespace).map(String.init)
                #expect(words.contains(word), "\(line): \(offered.standardOutput)\(offered.standardError)")
            }
        }
    }

    /// Does in a script what bash does at its prompt: calls the function that is registered for the command.
    private static let askBash = """
        shopt -s extglob; source "$1"
        read -ra COMP_WORDS <<<"$2"
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$2 COMP_POINT=${#2}
        registered=$(complete -p lab) registered=${registered##*-F }
        "${registered%% *}" lab "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """

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

extension LabUnderTest {
    /// Runs a program with this lab's directory, as at a terminal that has colours, without anything that forbids them.
    fileprivate func runInColour(_ command: [String]) async throws -> ProgramResult {
        try await Program.run(
            command[0], Array(command.dropFirst()),
            environment: ["LAB_STATE_DIR": directory, "NO_COLOR": "", "TERM": "xterm"])
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
