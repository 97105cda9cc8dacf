import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

@Suite(
    "Apps in containers, on a real Docker engine", .serialized,
    .enabled(
        if: DockerUnderTest.tool != nil,
        "the tool that starts a real engine, ../shared/tools/docker-engine, is not beside this clone"))
struct DockerTests {
    /// An app's folder of two services: a page from a file beside the Compose file, and a helper.
    static func writeApp(
        _ folder: String, page: String, check: String = "curl -fsS http://127.0.0.1/", more: String = ""
    ) throws {
        let compose = """
            services:
              web:
                image: nginx
                volumes: ["./site:/usr/share/nginx/html:ro"]
                healthcheck: {test: ["CMD-SHELL", "\(check)"], interval: 1s, retries: 2}
                \(more)
              helper:
                image: nginx
            x-lab:
              title: Hello in containers
              expose: {service: web, port: 80}
            """
        try FileManager.default.createDirectory(atPath: folder + "/site", withIntermediateDirectories: true)
        try Data(compose.utf8).write(to: URL(filePath: folder + "/compose.yaml"))
        try Data(page.utf8).write(to: URL(filePath: folder + "/site/index.html"))
    }

    @Test("a folder is deployed, put right when its containers are changed by hand, and removed without a trace")
    func wholeLife() async throws {
        try await DockerUnderTest.with { lab, docker in
            let folder = lab.directory + "-hello/hello"
            try Self.writeApp(folder, page: "first\n")
            let before = try await lab.run(["plan", folder]).standardOutput
            #expect(
                before.contains("+ container   web") && before.contains("+ route       hello.home.arpa"), "\(before)")
            let deployed = try await lab.run(["deploy", folder])
            #expect(deployed.status.isSuccess, "\(deployed.standardOutput)\(deployed.standardError)")
            #expect(try await lab.run(["plan", folder]).standardOutput == "  nothing would change\n")
            #expect(try await lab.fetch("hello.home.arpa").standardOutput == "first\n")
            #expect(try await lab.page(of: "hello")?.contains("Hello in containers") == true)
            #expect(try await docker.containers(of: "hello") == ["helper running", "web running"])

            for command in [["rm", "--force"], ["stop", "--time", "1"], ["pause"], ["kill"]] {
                let id = try await docker.ids(of: "hello", service: "web")
                _ = try await docker.run(command + id)
                let isBack = try await eventually {
                    guard try await docker.containers(of: "hello") == ["helper running", "web running"] else {
                        return false
                    }
                    return try await lab.fetch("hello.home.arpa").standardOutput == "first\n"
                }
                #expect(isBack, "after \(command)")
            }

            let removed = try await lab.run(["remove", "hello", "--yes"])
            #expect(removed.status.isSuccess, "\(removed.standardError)")
            #expect(try await docker.containers(of: "hello") == [])
            #expect(try await docker.networks() == [])
            #expect(try await docker.imageNames() == [])
            let folders = try FileManager.default.contentsOfDirectory(atPath: lab.directory + "/apps")
            #expect(folders == [])
            try FileManager.default.removeItem(atPath: lab.directory + "-hello")
        }
    }

    @Test("a release that does not become healthy is taken back by itself, and the one before serves on")
    func rollsBack() async throws {
        try await DockerUnderTest.with { lab, docker in
            let folder = lab.directory + "-hello/hello"
            try Self.writeApp(folder, page: "good\n")
            let good = try await lab.run(["deploy", folder, "-m", "the first one"])
            #expect(good.status.isSuccess, "\(good.standardError)")

            try Self.writeApp(folder, page: "bad\n", check: "false")
            let bad = try await lab.run(["deploy", folder])
            #expect(!bad.status.isSuccess)
            #expect(bad.standardError.contains("web is unhealthy"), "\(bad.standardError)")
            #expect(bad.standardError.contains("Release 1 runs on"), "\(bad.standardError)")
            #expect(try await lab.fetch("hello.home.arpa").standardOutput == "good\n")

            try Self.writeApp(folder, page: "better\n")
            let token = try await lab.run(["token", "create", "carla", "--scope", "act"]).standardOutput
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let better = try await Program.run(
                "env",
                ["LAB_URL=\(try await lab.info().api)", "LAB_TOKEN=\(token)", LabUnderTest.program, "deploy", folder]
                    + ["--message", "a better page"], timeout: .seconds(120))
            #expect(better.status.isSuccess, "\(better.standardError)")
            #expect(try await lab.fetch("hello.home.arpa").standardOutput == "better\n")
            // Nothing is new, so who says so makes no release and changes none.
            #expect(try await lab.run(["deploy", folder, "-m", "again"]).status.isSuccess)

            let table = try await lab.run(["releases", "hello"]).standardOutput
            let rows = table.split(separator: "\n").dropFirst().map(String.init)
            #expect(rows.count == 3, "\(table)")
            #expect(rows.first?.contains(/3 +live .* carla +a better page +nginx, nginx/) == true, "\(table)")
            #expect(rows[1].contains(/2 +failed .* admin +— +taken back by lab: web is unhealthy/), "\(table)")
            #expect(rows.last?.contains(/1 +replaced .* admin +the first one +nginx, nginx/) == true, "\(table)")
            let changes = try await lab.run(["call", "changelog.list", "--json"]).standardOutput
            #expect(changes.contains("was rolled back by lab: web is unhealthy"), "\(changes)")
            try FileManager.default.removeItem(atPath: lab.directory + "-hello")
        }
    }

    @Test("going back to a release brings back the image that worked, although its name means another one now")
    func movingImage() async throws {
        try await DockerUnderTest.with { lab, docker in
            let image = "lab-test/\(docker.prefix)moving:latest"
            let file = lab.directory + "-moving.yaml"
            for text in ["one", "two"] {
                try await docker.build(image, page: text)
                try Data("services: {web: {image: \(image), expose: [\"80\"]}}\n# \(text)\n".utf8)
                    .write(to: URL(filePath: file))
                let deployed = try await lab.run(["deploy", file, "--name", "moving"])
                #expect(deployed.status.isSuccess, "\(deployed.standardError)")
                #expect(try await lab.fetch("moving.home.arpa").standardOutput == "\(text)\n")
            }
            try FileManager.default.removeItem(atPath: file)
            let compared = try await lab.run(["releases", "moving", "1", "2"])
            #expect(compared.standardOutput.contains("image of web"), "\(compared.standardOutput)")
            #expect(compared.standardOutput.contains("+ # two"), "\(compared.standardOutput)")

            let back = try await lab.run(["rollback", "moving"])
            #expect(back.status.isSuccess, "\(back.standardError)")
            #expect(try await lab.fetch("moving.home.arpa").standardOutput == "one\n")
            // It stays so, also for a provisioner that has just started.
            try await lab.strike(.lab)
            try await lab.up()
            #expect(try await eventually { try await lab.fetch("moving.home.arpa").standardOutput == "one\n" })
            let forth = try await lab.run(["rollback", "moving", "2"])
            #expect(forth.status.isSuccess, "\(forth.standardError)")
            #expect(try await lab.fetch("moving.home.arpa").standardOutput == "two\n")
            let wrong = try await lab.run(["rollback", "moving", "17"])
            #expect(wrong.standardError.contains("has no release 17"), "\(wrong.standardError)")

            _ = try await lab.run(["remove", "moving", "--yes"])
            _ = try await docker.run(["rmi", "--force", image])
        }
    }

    @Test("an app is stopped and started, its logs are read, and its volumes go with it only where that is asked")
    func lifecycle() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-kept.yaml"
            try Data(
                "services: {web: {image: nginx, expose: [\"80\"], volumes: [\"data:/data\"]}}\nvolumes: {data: {}}\n"
                    .utf8
            ).write(to: URL(filePath: file))
            let deployed = try await lab.run(["deploy", file, "--name", "kept"])
            #expect(deployed.status.isSuccess, "\(deployed.standardError)")

            let logs = try await lab.run(["logs", "kept", "--lines", "50"])
            #expect(logs.standardOutput.contains("web ") && logs.standardOutput.contains("GET / HTTP/1.1"))
            let nobody = try await lab.run(["logs", "kept", "--service", "wep"])
            #expect(nobody.standardError.contains("Give one of web"), "\(nobody.standardError)")

            let stopped = try await lab.run(["stop", "kept"])
            #expect(stopped.status.isSuccess, "\(stopped.standardError)")
            #expect(try await docker.containers(of: "kept") == ["web exited"])
            // A look at it does not start it.
            try await Task.sleep(for: .seconds(3))
            #expect(try await docker.containers(of: "kept") == ["web exited"])
            let started = try await lab.run(["start", "kept"])
            #expect(started.status.isSuccess, "\(started.standardError)")
            #expect(try await lab.run(["restart", "kept"]).status.isSuccess)

            for (more, left) in [([], 1), (["--volumes"], 0)] {
                _ = try await lab.run(["deploy", file, "--name", "kept"])
                let removed = try await lab.run(["remove", "kept", "--yes"] + more)
                #expect(removed.status.isSuccess, "\(removed.standardError)")
                #expect(try await docker.volumes().count == left)
            }
            try FileManager.default.removeItem(atPath: file)
        }
    }

    @Test("secrets are made, handed over, shown to the owner alone, made anew, and in no document")
    func secrets() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-sealed.yaml"
            let compose = """
                services:
                  web:
                    image: nginx
                    expose: ["80"]
                    environment: {TOKEN: "is ${APP_TOKEN}!"}
                    secrets: [token]
                secrets: {token: {environment: APP_TOKEN}}
                x-lab: {secrets: [APP_TOKEN]}
                """
            try Data(compose.utf8).write(to: URL(filePath: file))
            let deployed = try await lab.run(["deploy", file, "--name", "sealed"])
            #expect(deployed.status.isSuccess, "\(deployed.standardError)")
            func shown() async throws -> String {
                let shown = try await lab.run(["secret", "show", "sealed", "APP_TOKEN"])
                return shown.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            func environment() async throws -> String {
                let id = try await docker.ids(of: "sealed", service: "web")
                return try await docker.run(["exec"] + id + ["sh", "-c", "echo $TOKEN; cat /run/secrets/token"])
                    .standardOutput
            }
            let first = try await shown()
            #expect(first.count > 32)
            #expect(try await environment() == "is \(first)!\n\(first)")
            #expect(try await lab.run(["secret", "list", "sealed"]).standardOutput.contains("APP_TOKEN"))

            let rotated = try await lab.run(["secret", "rotate", "sealed", "APP_TOKEN"])
            #expect(rotated.status.isSuccess, "\(rotated.standardError)")
            let second = try await shown()
            #expect(second != first)
            #expect(try await eventually { try await environment() == "is \(second)!\n\(second)" })

            let token = try await lab.run(["token", "create", "helper", "--scope", "act"]).standardOutput
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let refused = try await Program.run(
                "env",
                ["LAB_URL=\(try await lab.info().api)", "LAB_TOKEN=\(token)", LabUnderTest.program]
                    + ["secret", "show", "sealed", "APP_TOKEN"])
            #expect(!refused.status.isSuccess)
            let audit = try await lab.run(["call", "audit.list", "--json"])
            #expect(audit.standardOutput.contains("secret.reveal"))

            let release = try await lab.run(["releases", "sealed", "1", "--json"]).standardOutput
            #expect(release.contains("${APP_TOKEN}"))
            let page = try await lab.page(of: "sealed") ?? ""
            let stored = try String(contentsOfFile: lab.directory + "/apps/sealed/release.json", encoding: .utf8)
            let log = try String(contentsOfFile: lab.directory + "/lab.log", encoding: .utf8)
            let plan = try await lab.run(["status", "sealed", "--json"]).standardOutput
            for text in [release, page, stored, log, plan] {
                #expect(!text.contains(first) && !text.contains(second))
            }

            // The secret outlives the app, as its volumes do.
            #expect(try await lab.run(["remove", "sealed", "--yes"]).status.isSuccess)
            #expect(try await lab.run(["deploy", file, "--name", "sealed"]).status.isSuccess)
            #expect(try await shown() == second)
            #expect(try await lab.run(["remove", "sealed", "--yes", "--volumes"]).status.isSuccess)
            #expect(try await lab.run(["deploy", file, "--name", "sealed"]).status.isSuccess)
            #expect(try await shown() != second)
            try FileManager.default.removeItem(atPath: file)
        }
    }

    @Test("a port of the host that another app or another program has is refused before anything starts")
    func hostPorts() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-ports.yaml"
            func deploy(_ name: String, _ port: Int) async throws -> ProgramResult {
                try Data("services: {web: {image: nginx, ports: [\"\(port):80\"]}}\n".utf8).write(
                    to: URL(filePath: file))
                return try await lab.run(["deploy", file, "--name", name])
            }
            let port = LoopbackPort.free()
            #expect(try await deploy("first", port).status.isSuccess)
            // Its own port is no obstacle.
            #expect(try await deploy("first", port).status.isSuccess)
            let second = try await deploy("second", port)
            #expect(second.standardError.contains("\(port)/tcp"), "\(second.standardError)")
            #expect(second.standardError.contains("belongs to App first"), "\(second.standardError)")
            let httpsPort = try #require(Int(try await lab.info().httpsPort))
            let third = try await deploy("third", httpsPort)
            #expect(third.standardError.contains("is taken by something else"), "\(third.standardError)")
            #expect(try await docker.containers(of: "second") + docker.containers(of: "third") == [])
            try FileManager.default.removeItem(atPath: file)
        }
    }

    @Test("a lab that is killed while an app starts goes on with it, and keeps what ran")
    func killed() async throws {
        try await DockerUnderTest.with { lab, docker in
            let folder = lab.directory + "-hello/hello"
            try Self.writeApp(folder, page: "first\n", check: "sleep 1; curl -fsS http://127.0.0.1/")
            for delay in [0.2, 0.5, 1.0] {
                let deploy = Task { try await lab.run(["deploy", folder, "--name", "app\(Int(delay * 10))"]) }
                try await Task.sleep(for: .seconds(delay))
                try await lab.strike(.lab)
                _ = try? await deploy.value
                try await lab.up()
            }
            for app in ["app2", "app5", "app10"] {
                let again = try await lab.run(["deploy", folder, "--name", app])
                #expect(again.status.isSuccess, "\(again.standardOutput)\(again.standardError)")
                #expect(try await docker.containers(of: app) == ["helper running", "web running"])
                #expect(try await lab.fetch("\(app).home.arpa").standardOutput == "first\n")
            }
            try FileManager.default.removeItem(atPath: lab.directory + "-hello")
        }
    }

    private static let badFiles: [(compose: String, words: String)] = [
        ("services:\n  web:\n    image: nginx\n   bad: x\n", "line 4, column 4"),
        ("services:\n  web:\n    imag: nginx\n", "imag is not allowed"),
        ("services: {}\n", "no service"),
        ("services:\n  web:\n    image: nginx\nx-lab: {expose: {service: web}}\n", "which port"),
        ("services:\n  web: {image: nginx, expose: [80]}\nx-lab: {requirements: {memory: 900t}}\n", "the machine has"),
        ("services:\n  web: {image: nginx, expose: [80]}\nx-lab: {backup: [data]}\n", "no such volume"),
        ("services:\n  web: {image: nginx, expose: [\"80\"], privileged: true}\n", "allow: [privileged]"),
        ("services:\n  web: {image: nginx, expose: [\"80\"], network_mode: host}\n", "allow: [host-network]"),
        ("services:\n  web: {image: nginx, expose: [\"80\"], volumes: [\"/etc:/x\"]}\n", "allow: [host-paths]"),
        ("services:\n  web: {image: nginx, expose: [\"80\"], volumes: [\"../up:/x\"]}\n", "allow: [host-paths]"),
        ("services:\n  web: {image: nginx, expose: [\"80\"]}\nx-lab: {titel: x}\n", "Did you mean “title”?"),
        ("services:\n  web: {image: nginx, expose: [\"80\"]}\nx-lab: {expose: {service: wed}}\n", "“web”?"),
        ("services:\n  a: {image: nginx, depends_on: [b]}\n  b: {image: nginx, depends_on: [a]}\n", "cycle"),
    ]

    @Test(
        "a full disk is said as what it is, and what runs is left as it is",
        .enabled(if: geteuid() == 0, "only root can mount a small file system to fill"))
    func fullDisk() async throws {
        try await DockerUnderTest.with { lab, _ in
            let folder = lab.directory + "-full/full"
            try Self.writeApp(folder, page: "small\n")
            let apps = lab.directory + "/apps"
            try FileManager.default.createDirectory(atPath: apps, withIntermediateDirectories: true)
            let mounted = try await Program.run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", apps])
            guard mounted.status.isSuccess else { try Test.cancel("no file system can be mounted here") }
            let first = try await lab.run(["deploy", folder])
            try Self.writeApp(folder, page: String(repeating: "large\n", count: 15_000))
            let second = try await lab.run(["deploy", folder])
            let page = try await lab.fetch("full.home.arpa").standardOutput
            let removed = try await lab.run(["remove", "full", "--yes"])
            _ = try await Program.run("umount", ["--lazy", apps])
            try FileManager.default.removeItem(atPath: lab.directory + "-full")
            #expect(first.status.isSuccess, "\(first.standardError)")
            #expect(second.standardError.contains("the disk is full"), "\(second.standardError)")
            #expect(page == "small\n")
            #expect(removed.status.isSuccess, "\(removed.standardError)")
        }
    }

    @Test("a release without a health check that fails in its first seconds is taken back too")
    func earlyEnd() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-early.yaml"
            defer { try? FileManager.default.removeItem(atPath: file) }
            for (end, words) in [("", "Answered"), ("command: [sh, -c, \"sleep 1; exit 3\"],", "code 3")] {
                let compose = "services:\n  web: {image: nginx, expose: [\"80\"]}\n  job: {image: nginx, \(end)}\n"
                try Data(compose.utf8).write(to: URL(filePath: file))
                _ = try await lab.run(["deploy", file, "--name", "early", "--timeout", "30"])
                let isSeen = try await eventually {
                    try await lab.run(["status", "early"]).standardOutput.contains(words)
                }
                let status = try await lab.run(["status", "early"]).standardOutput
                #expect(isSeen, "\(status)")
            }
            #expect(try await lab.run(["releases", "early"]).standardOutput.contains("failed"))
            let isBack = try await eventually {
                try await docker.containers(of: "early") == ["job running", "web running"]
            }
            #expect(isBack)
        }
    }

    @Test("an app of the catalog is found and deployed by its name; shared volumes and apps without a page")
    func catalog() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "catalog\(UInt32.random(in: 0...UInt32.max))")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (app, compose) in [
            (
                "hello",
                """
                services:
                  web: {image: nginx, volumes: ["./site:/usr/share/nginx/html:ro"], environment: {GREETING: "${GREETING:-none}"}}
                x-lab: {title: Hello, summary: Says hello., category: Home, expose: {service: web, port: 80}}
                """
            ),
            (
                "worker",
                """
                services:
                  worker: {image: nginx, volumes: ["own:/own", "media:/media"]}
                volumes: {own: {}, media: {name: "${MEDIA_VOLUME:-media}", labels: {lab.shared: "true"}}}
                x-lab: {title: Worker, summary: Works., category: Media, expose: none}
                """
            ),
        ] {
            let site = folder.appending(path: "\(app)/site")
            try FileManager.default.createDirectory(at: site, withIntermediateDirectories: true)
            try Data(compose.utf8).write(to: folder.appending(path: "\(app)/compose.yaml"))
            try Data("ready made\n".utf8).write(to: site.appending(path: "index.html"))
        }
        try await DockerUnderTest.with(["LAB_CATALOG_DIR": folder.path]) { lab, docker in
            let found = try await lab.run(["catalog", "says"]).standardOutput
            #expect(found.contains("hello") && !found.contains("worker"), "\(found)")
            let wrong = try await lab.run(["deploy", "helo"])
            #expect(wrong.standardError.contains("Did you mean “hello”?"), "\(wrong.standardError)")

            let deployed = try await lab.run(["deploy", "hello", "--set", "GREETING=it's $me"])
            #expect(deployed.status.isSuccess, "\(deployed.standardOutput)\(deployed.standardError)")
            #expect(try await lab.fetch("hello.home.arpa").standardOutput == "ready made\n")
            let ids = try await docker.ids(of: "hello", service: "web")
            let environment = try await docker.run(["inspect", "--format", "{{.Config.Env}}"] + ids).standardOutput
            #expect(environment.contains("GREETING=it's $me"), "\(environment)")

            let shared = docker.prefix + "media"
            let worker = try await lab.run(["deploy", "worker", "--set", "MEDIA_VOLUME=\(shared)"])
            #expect(worker.status.isSuccess, "\(worker.standardOutput)\(worker.standardError)")
            #expect(try await lab.run(["call", "proxy.route.list"]).standardOutput.contains("worker") == false)
            #expect(try await docker.volumes().sorted() == [shared, docker.prefix + "worker_own"].sorted())
            let removed = try await lab.run(["remove", "worker", "--yes", "--volumes"])
            #expect(removed.status.isSuccess, "\(removed.standardError)")
            #expect(try await docker.volumes() == [shared])
            _ = try await docker.run(["volume", "rm", shared])
        }
    }

    @Test("what is wrong with a Compose file is said before anything starts, with what would be right")
    func badInput() async throws {
        try await DockerUnderTest.with { lab, docker in
            let file = lab.directory + "-bad.yaml"
            for (compose, words) in Self.badFiles {
                try Data(compose.utf8).write(to: URL(filePath: file))
                let result = try await lab.run(["deploy", file, "--name", "bad"])
                #expect(!result.status.isSuccess)
                #expect(result.standardError.contains(words), "\(compose)\(result.standardError)")
                #expect(try await docker.containers(of: "bad") == [])
                #expect(try await lab.run(["status", "bad"]).status.isSuccess == false)
            }
            try FileManager.default.removeItem(atPath: file)
            #expect(try FileManager.default.contentsOfDirectory(atPath: lab.directory + "/apps") == [])
        }
    }
}
