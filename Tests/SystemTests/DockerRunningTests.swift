import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

/// What becomes of apps that start badly, share what others have, or are stopped and started.
extension DockerTests {
    @Test("a container that ends again and again makes its release fail, and one that only waits for another does not")
    func endsAgain() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-again.yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            func deploy(_ command: String) async throws -> ProgramResult {
                let compose = """
                    services:
                      web: {image: nginx, restart: unless-stopped, command: [sh, -c, "\(command)"]}
                    x-lab: {expose: none}
                    """
                try Data(compose.utf8).write(to: URL(filePath: file))
                return try await lab.run(["deploy", file, "--name", "again"])
            }
            // Ends twice, as one does whose database is being made.
            let patient = try await deploy(
                "echo x >>/tmp/tries; [ $$(wc -l </tmp/tries) -gt 2 ] || exit 1; exec sleep 1000")
            #expect(patient.status.isSuccess, "\(patient.standardError)")
            #expect(try await eventually { try await docker.containers(of: "again") == ["web running"] })

            _ = try await deploy("sleep 0.2; exit 3")
            let isBack = try await eventually(within: .seconds(90)) {
                try await lab.run(["status", "again"]).standardOutput.contains("RolledBack")
            }
            let status = try await lab.run(["status", "again"]).standardOutput
            #expect(isBack, "\(status)")
            #expect(status.contains("web ends again and again, with the code 3"), "\(status)")
            #expect(try await eventually { try await docker.containers(of: "again") == ["web running"] })
        }
    }

    @Test("something that others wait for and that never ends is given up, and nothing of a first release is left")
    func hangingDependency() async throws {
        try await DockerUnderTest.with(["LAB_DOCKER_HEALTH_SECONDS": "5"]) { lab, docker in
            let file = lab.directory + "-hanging.yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(
                """
                services:
                  migration: {image: nginx, command: [sleep, "1000"], volumes: [/anonymous]}
                  DB: {image: nginx, expose: ["80"], depends_on: {migration: {condition: service_completed_successfully}}}
                """.utf8
            ).write(to: URL(filePath: file))
            let hanging = try await lab.run(["deploy", file, "--name", "hanging"])
            #expect(!hanging.status.isSuccess)
            #expect(hanging.standardError.contains("did not come up within"), "\(hanging.standardError)")
            #expect(hanging.standardError.contains("DB"), "\(hanging.standardError)")
            #expect(try await eventually { try await docker.containerNames().isEmpty })
            let volumes = try await docker.run(["volume", "ls", "--quiet", "--filter", "dangling=true"]).standardOutput
            #expect(!volumes.split(separator: "\n").contains { $0.utf8.count == 64 }, "\(volumes)")
        }
    }

    @Test(
        "one that shares another's network stays as it is, is put right with it, and one of the host's network is found"
    )
    func networks() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-networks.yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(
                """
                services:
                  tunnel: {image: nginx, expose: ["80"]}
                  guest: {image: nginx, network_mode: "service:tunnel", command: [sleep, "1000"]}
                """.utf8
            ).write(to: URL(filePath: file))
            let shared = try await lab.run(["deploy", file, "--name", "shared"])
            #expect(shared.status.isSuccess, "\(shared.standardError)")
            let before = try await docker.ids(of: "shared", service: "guest")
            // Time for several looks.
            try await Task.sleep(for: .seconds(5))
            #expect(try await docker.ids(of: "shared", service: "guest") == before)
            #expect(before.count == 1)
            _ = try await docker.run(["rm", "--force"] + docker.ids(of: "shared", service: "tunnel"))
            let isRight = try await eventually {
                let network = try await docker.run(
                    ["inspect", "--format", "{{.HostConfig.NetworkMode}}"] + docker.ids(of: "shared", service: "guest"))
                let tunnel = try await docker.ids(of: "shared", service: "tunnel")
                return tunnel.count == 1 && network.standardOutput.hasPrefix("container:\(tunnel[0])")
            }
            #expect(isRight)
            let isWhole = try await eventually {
                try await docker.containers(of: "shared") == ["guest running", "tunnel running"]
            }
            #expect(isWhole)

            let port = LoopbackPort.free()
            try Data(
                """
                services:
                  web:
                    image: nginx
                    network_mode: host
                    command: [sh, -c, "sed -i 's/listen .*80.*;/listen 127.0.0.1:\(port);/' /etc/nginx/conf.d/*; exec nginx -g 'daemon off;'"]
                x-lab: {expose: {service: web, port: \(port)}, allow: [host-network]}
                """.utf8
            ).write(to: URL(filePath: file))
            let host = try await lab.run(["deploy", file, "--name", "host"])
            #expect(host.status.isSuccess, "\(host.standardError)")
            #expect(try await lab.fetch("host.home.arpa").status.isSuccess)
        }
    }

    @Test("where changes by hand are only shown, a start and a restart put right what the lab and people stopped")
    func reported() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-reported.yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(
                "services: {web: {image: nginx, expose: [\"80\"]}}\nx-lab: {drift: report}\n".utf8
            ).write(to: URL(filePath: file))
            #expect(try await lab.run(["deploy", file, "--name", "reported"]).status.isSuccess)
            #expect(try await lab.run(["stop", "reported"]).status.isSuccess)
            let stopped = try await lab.run(["restart", "reported"])
            #expect(stopped.standardError.contains("lab start reported"), "\(stopped.standardError)")
            #expect(try await docker.containers(of: "reported") == ["web exited"])
            let started = try await lab.run(["start", "reported"])
            #expect(started.status.isSuccess, "\(started.standardError)")
            #expect(try await docker.containers(of: "reported") == ["web running"])

            _ = try await docker.run(["rm", "--force"] + docker.ids(of: "reported", service: "web"))
            let isShown = try await eventually {
                try await lab.run(["status", "reported"]).standardOutput.contains("lab restart reported")
            }
            #expect(isShown)
            #expect(try await docker.containers(of: "reported").isEmpty)
            let restarted = try await lab.run(["restart", "reported"])
            #expect(restarted.status.isSuccess, "\(restarted.standardError)")
            #expect(try await docker.containers(of: "reported") == ["web running"])
        }
    }

    @Test("a secret that is given after the first release failed without it makes the app come up")
    func secretAfterFailure() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-needy.yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(
                """
                services:
                  web:
                    image: nginx
                    expose: ["80"]
                    environment: {KEY: "${KEY:-}"}
                    command: [sh, -c, "[ $$KEY = right ] || exit 4; exec nginx -g 'daemon off;'"]
                    healthcheck: {test: [CMD, curl, -fsS, "http://127.0.0.1/"], interval: 1s}
                """.utf8
            ).write(to: URL(filePath: file))
            let without = try await lab.run(["deploy", file, "--name", "needy"])
            #expect(without.standardError.contains("web ended with the code 4"), "\(without.standardError)")
            #expect(try await eventually { try await docker.containers(of: "needy").isEmpty })

            let value = lab.directory + "-needy.txt"
            defer { try? FileManager.default.removeItem(atPath: value) }
            try Data("right\n".utf8).write(to: URL(filePath: value))
            let given = try await Program.run(
                "sh", ["-c", "exec \"$0\" secret set needy KEY <\"$1\"", LabUnderTest.program, value],
                environment: ["LAB_STATE_DIR": lab.directory], timeout: .seconds(60))
            #expect(given.status.isSuccess, "\(given.standardOutput)\(given.standardError)")
            #expect(try await eventually { try await lab.fetch("needy.home.arpa").status.isSuccess })
        }
    }

    @Test(
        "files that a declaration has no more go, those that the app has changed stay, and going back brings them again"
    )
    func outdatedFiles() async throws {
        try await DockerUnderTest.with { lab, docker in
            let folder = lab.directory + "-files/files"
            defer { try? FileManager.default.removeItem(atPath: lab.directory + "-files") }
            try Self.writeApp(folder, page: "one\n")
            for name in ["old.txt", "changed.txt"] {
                try Data("\(name)\n".utf8).write(to: URL(filePath: "\(folder)/site/\(name)"))
            }
            try Data("GREETING=hello\n".utf8).write(to: URL(filePath: folder + "/.env"))
            #expect(try await lab.run(["deploy", folder]).status.isSuccess)
            let project = lab.directory + "/apps/files/project"
            try Data("by the app\n".utf8).write(to: URL(filePath: project + "/site/changed.txt"))

            for name in ["site/old.txt", "site/changed.txt", ".env"] {
                try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
            try Data("two\n".utf8).write(to: URL(filePath: folder + "/site/index.html"))
            #expect(try await lab.run(["deploy", folder]).status.isSuccess)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: project + "/site").sorted() == [
                    "changed.txt", "index.html",
                ])
            #expect(!FileManager.default.fileExists(atPath: project + "/.env"))

            #expect(try await lab.run(["rollback", "files", "1"]).status.isSuccess)
            #expect(try String(contentsOfFile: project + "/.env", encoding: .utf8) == "GREETING=hello\n")
            #expect(try String(contentsOfFile: project + "/site/old.txt", encoding: .utf8) == "old.txt\n")

            // What was written for a release that was never made.
            try Data("extra\n".utf8).write(to: URL(filePath: folder + "/site/extra.txt"))
            let good = try String(contentsOfFile: folder + "/compose.yaml", encoding: .utf8)
            let bad = good.replacing("image: nginx", with: "image: nowhere.invalid/page:1")
            try Data(bad.utf8).write(to: URL(filePath: folder + "/compose.yaml"))
            #expect(try await !lab.run(["deploy", folder]).status.isSuccess)
            try Data(good.utf8).write(to: URL(filePath: folder + "/compose.yaml"))
            try FileManager.default.removeItem(atPath: folder + "/site/extra.txt")
            #expect(try await lab.run(["deploy", folder]).status.isSuccess)
            #expect(!FileManager.default.fileExists(atPath: project + "/site/extra.txt"))
        }
    }

    @Test("what an image keeps in volumes without a name goes with the app's volumes")
    func anonymousVolumes() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-anonymous.yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data("services: {web: {image: nginx, expose: [\"80\"], volumes: [/anonymous]}}\n".utf8).write(
                to: URL(filePath: file))
            func volumes() async throws -> Set<String> {
                let list = try await docker.run(["volume", "ls", "--quiet"]).standardOutput
                return Set(list.split(separator: "\n").map(String.init).filter { $0.utf8.count == 64 })
            }
            let before = try await volumes()
            #expect(try await lab.run(["deploy", file, "--name", "anonymous"]).status.isSuccess)
            #expect(try await volumes().count == before.count + 1)
            #expect(try await lab.run(["remove", "anonymous", "--yes", "--volumes"]).status.isSuccess)
            #expect(try await volumes() == before)
        }
    }
}
