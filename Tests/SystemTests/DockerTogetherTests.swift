import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

/// Several deployments at once, and what the apps take of the machine meanwhile.
extension DockerTests {
    @Test("deployments of one app at the same moment queue: one release after another, and the last declared one stays")
    func oneAppAtOnce() async throws {
        try await DockerUnderTest.with { lab, docker in
            let root = lab.directory + "-queue"
            defer { try? FileManager.default.removeItem(atPath: root) }
            let pages = (1...4).map { "page \($0)\n" }
            for (number, page) in pages.enumerated() {
                try Self.writeApp(root + "/\(number)", page: page, check: "sleep 0.3; curl -fsS http://127.0.0.1/")
            }
            let results = try await withThrowingTaskGroup(of: ProgramResult.self) { group in
                for number in pages.indices {
                    group.addTask { try await lab.run(["deploy", root + "/\(number)", "--name", "queue"]) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for result in results { #expect(result.status.isSuccess, "\(result.standardError)") }

            struct App: Decodable {
                struct Spec: Decodable { let files: [String: String] }
                let spec: Spec
            }
            let declared = try JSONText(trusted: try await lab.run(["status", "queue", "--json"]).standardOutput)
                .decode(App.self).spec.files["site/index.html"]
            #expect(declared.map(pages.contains) == true)
            #expect(try await lab.fetch("queue.home.arpa").standardOutput == declared)
            #expect(try await docker.containers(of: "queue") == ["helper running", "web running"])
            struct Releases: Decodable {
                struct Item: Decodable {
                    let number: Int
                    let status: String
                }
                let items: [Item]
            }
            let releases = try JSONText(trusted: try await lab.run(["releases", "queue", "--json"]).standardOutput)
                .decode(Releases.self).items
            #expect(releases.map(\.number) == Array((1...releases.count).reversed()))
            #expect(releases.first?.status == "live")
            #expect(releases.dropFirst().allSatisfy { $0.status == "replaced" }, "\(releases)")
        }
    }

    @Test("different apps are deployed side by side: each of three becomes healthy only while the others start")
    func sideBySide() async throws {
        try await DockerUnderTest.with { lab, docker in
            let root = lab.directory + "-side"
            defer { try? FileManager.default.removeItem(atPath: root) }
            try FileManager.default.createDirectory(atPath: root + "/meeting", withIntermediateDirectories: true)
            let apps = ["one", "two", "three"]
            let check = apps.map { "test -e /meeting/\($0)" }.joined(separator: " && ")
            for app in apps {
                let compose = """
                    services:
                      web:
                        image: nginx
                        command: [sh, -c, "touch /meeting/\(app); exec nginx -g 'daemon off;'"]
                        volumes: ["\(root)/meeting:/meeting"]
                        # Of a larger machine: the engine refuses what it has not.
                        deploy: {resources: {limits: {cpus: "4096"}}}
                        healthcheck: {test: [CMD-SHELL, "\(check)"], interval: 500ms, retries: 40}
                    x-lab: {expose: {service: web, port: 80}, allow: [host-paths]}
                    """
                try Data(compose.utf8).write(to: URL(filePath: "\(root)/\(app).yaml"))
            }
            try await withThrowingTaskGroup(of: ProgramResult.self) { group in
                for app in apps {
                    group.addTask { try await lab.run(["deploy", "\(root)/\(app).yaml", "--name", app]) }
                }
                for try await result in group { #expect(result.status.isSuccess, "\(result.standardError)") }
            }
            for app in apps { #expect(try await docker.containers(of: app) == ["web running"]) }

            let table = try await lab.run(["stats"]).standardOutput
            let rows = table.split(separator: "\n").map(String.init)
            #expect(rows.first?.hasPrefix("APP") == true, "\(table)")
            for app in apps {
                #expect(rows.contains { $0.hasPrefix(app) && $0.contains("web") && $0.contains("iB") }, "\(table)")
            }
            struct Stats: Decodable {
                struct Item: Decodable {
                    struct Usage: Decodable {
                        let cores: Double
                        let memory: Int64
                        let memoryLimit: Int64
                        let processes: Int
                    }
                    let service: String
                    let usage: Usage
                }
                let items: [Item]
            }
            let one = try JSONText(trusted: try await lab.run(["stats", "one", "--json"]).standardOutput)
                .decode(Stats.self).items
            #expect(one.map(\.service) == ["web"])
            let usage = try #require(one.first?.usage)
            #expect(usage.memory > 500_000 && usage.memory < usage.memoryLimit)
            #expect(usage.processes >= 2 && usage.cores >= 0 && usage.cores < 64)

            #expect(try await lab.run(["stop", "one"]).status.isSuccess)
            #expect(try await lab.run(["stats", "one", "--json"]).standardOutput.contains("\"items\":[]"))
            let missing = try await lab.run(["stats", "nothing"])
            #expect(!missing.status.isSuccess && missing.standardError.contains("App nothing"))
        }
    }

    @Test("a secret that only a person knows is given before the app is deployed, and later again, and is in no file")
    func givenSecret() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-given.yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            let compose = """
                services:
                  web:
                    image: nginx
                    expose: ["80"]
                    environment: {KEY: "${VPN_KEY:?it is the key of your provider}", MORE: "${MORE:-none}"}
                """
            try Data(compose.utf8).write(to: URL(filePath: file))
            let without = try await lab.run(["deploy", file, "--name", "given"])
            #expect(without.standardError.contains("it is the key of your provider"), "\(without.standardError)")

            func set(_ value: String, _ name: String = "VPN_KEY") async throws {
                let path = lab.directory + "-value"
                try Data("\(value)\n".utf8).write(to: URL(filePath: path))
                defer { try? FileManager.default.removeItem(atPath: path) }
                let result = try await Program.run(
                    "sh", ["-c", "exec \"$0\" secret set given \"$2\" <\"$1\"", LabUnderTest.program, path, name],
                    environment: ["LAB_STATE_DIR": lab.directory], timeout: .seconds(60))
                #expect(result.status.isSuccess, "\(result.standardOutput)\(result.standardError)")
            }
            func key(_ variable: String = "KEY") async throws -> String {
                let id = try await docker.ids(of: "given", service: "web")
                return try await docker.run(["exec"] + id + ["printenv", variable]).standardOutput
            }
            let (first, second) = ("first $ecret: 'quoted'", "second/secret+value==")
            try await set(first)
            let deployed = try await lab.run(["deploy", file, "--name", "given"])
            #expect(deployed.status.isSuccess, "\(deployed.standardError)")
            #expect(try await key() == first + "\n")
            #expect(try await lab.run(["plan", file, "--name", "given"]).standardOutput == "  nothing would change\n")
            try await set(second)
            #expect(try await key() == second + "\n")

            // A variable that had its default until now.
            #expect(try await key("MORE") == "none\n")
            try await set("third", "MORE")
            #expect(try await key("MORE") == "third\n")

            let used = try await lab.run(["secret", "remove", "given", "VPN_KEY"])
            #expect(used.standardError.contains("is filled in with VPN_KEY"), "\(used.standardError)")
            let wrong = try await lab.run(["secret", "remove", "given", "OTHER"])
            #expect(wrong.standardError.contains("OTHER"), "\(wrong.standardError)")

            let release = try await lab.run(["releases", "given", "1", "--json"]).standardOutput
            #expect(release.contains("${VPN_KEY}"))
            let log = try String(contentsOfFile: lab.directory + "/lab.log", encoding: .utf8)
            let status = try await lab.run(["status", "given", "--json"]).standardOutput
            let folder = lab.directory + "/apps/given"
            var texts = [release, log, status]
            for path in try FileManager.default.subpathsOfDirectory(atPath: folder) {
                texts += [try? String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)].compactMap(\.self)
            }
            for text in texts { #expect(!text.contains("$ecret") && !text.contains(second)) }
        }
    }
}
