import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

/// Among the tests of the engine, one of which kills it: no two of them run at once.
extension DockerTests {
    @Test(
        "docker compose up brings the platform up healthy; an app deployed through it is reached by name over HTTPS",
        .enabled(
            if: PlatformUnderTest.build != nil,
            "needs LAB_PLATFORM_BUILD with the static program, which Tests/run makes where an engine can be had"),
        arguments: ["nginx", "traefik"])
    func platform(_ profile: String) async throws {
        if profile == "traefik", PlatformUnderTest.traefik == nil {
            try Test.cancel("needs LAB_TRAEFIK_PROGRAM, which Tests/run installs where it can")
        }
        try await PlatformUnderTest.with(profile: profile) { platform in
            let up = try await platform.docker(["compose", "up", "--detach", "--wait"], timeout: .seconds(180))
            let logs = up.status.isSuccess ? "" : try await platform.docker(["compose", "logs"]).standardOutput
            try #require(up.status.isSuccess, "\(up.standardError.suffix(1000))\(logs.suffix(4000))")

            try platform.write(
                """
                services:
                  web: {image: nginx, volumes: ["./site:/usr/share/nginx/html:ro"]}
                  # Another app may have a service of this name too: it must not be found in this one's place.
                  provisioner: {image: nginx}
                x-lab: {expose: {service: web, port: 80}, title: Hello}
                """, to: "hello/compose.yaml")
            try platform.write("from a container\n", to: "hello/site/index.html")
            let deployed = try await platform.lab(["deploy", "./hello"])
            #expect(deployed.status.isSuccess, "\(deployed.standardOutput)\(deployed.standardError)")
            #expect(try await platform.resolve("hello.home.arpa") == "127.0.0.1")
            let page = try await platform.fetch("hello.home.arpa")
            #expect(page.standardOutput == "from a container\n", "\(page.standardError)")

            // The platform itself has names and certificates too, and each service answers for its own.
            for service in ["provisioner", "dns-manager", "proxy-router"] {
                let isOnline = try await eventually {
                    try await platform.fetch("\(service).home.arpa").status.isSuccess
                }
                #expect(isOnline, "\(service)")
            }
            for operation in ["dns.zones.list", "proxy.route.list", "app.list"] {
                let answer = try await platform.lab(["call", operation])
                #expect(answer.status.isSuccess, "\(operation): \(answer.standardError)")
            }
            // Where there is no Swift, the command line is the image's.
            let again = try await platform.entryScript(["deploy", "./hello"])
            #expect(again.status.isSuccess, "\(again.standardOutput)\(again.standardError)")
            let status = try await platform.entryScript(["status"])
            #expect(status.standardOutput.contains("https://hello.home.arpa:\(platform.ports.https)"), "\(status)")
            // Behind “--” are paths of the app's container, and none of this machine.
            let listed = try await platform.entryScript(["exec", "hello", "--", "ls", "/"])
            #expect(listed.standardOutput.contains("usr"), "\(listed)")
            let info = try await platform.lab(["info"])
            #expect(info.standardOutput.contains("127.0.0.1:\(platform.ports.mqtt), user lab"), "\(info)")
            let stats = try await platform.lab(["stats", "hello"])
            #expect(stats.standardOutput.contains("provisioner"), "\(stats)")

            try await Self.checkConfinement(platform, count: profile == "traefik" ? 10 : 9)
            if profile == "traefik" {
                try await Self.checkTraefik(platform)
            } else {
                try await Self.checkBuilding(platform)
            }
            try await Self.checkHealing(platform, proxy: profile == "traefik" ? "traefik" : "proxy-router-nginx")

            let removed = try await platform.lab(["remove", "hello", "--yes"])
            #expect(removed.status.isSuccess, "\(removed.standardOutput)\(removed.standardError)")
            #expect(try await platform.resolve("hello.home.arpa") == "")
            let down = try await platform.docker(["compose", "down", "--volumes"])
            #expect(down.status.isSuccess, "\(down.standardError)")
            for kind in ["container", "network", "volume"] {
                let rest = try await platform.docker([kind, "ls", "--quiet", "--filter", "name=\(platform.project)"])
                #expect(rest.standardOutput == "", "\(kind)s are left")
            }
        }
    }

    /// What the containers may do, as the engine itself says it.
    private static func checkConfinement(_ platform: PlatformUnderTest, count: Int) async throws {
        struct Container: Decodable {
            struct Host: Decodable {
                let readonlyRootfs: Bool
                let capDrop: [String]?
                let capAdd: [String]?
                let privileged: Bool
                private enum CodingKeys: String, CodingKey {
                    case readonlyRootfs = "ReadonlyRootfs"
                    case capDrop = "CapDrop"
                    case capAdd = "CapAdd"
                    case privileged = "Privileged"
                }
            }
            struct Mount: Decodable {
                let source: String
                private enum CodingKeys: String, CodingKey { case source = "Source" }
            }
            struct Settings: Decodable {
                let user: String
                let environment: [String]?
                let labels: [String: String]
                private enum CodingKeys: String, CodingKey {
                    case user = "User"
                    case environment = "Env"
                    case labels = "Labels"
                }
            }
            let host: Host
            let mounts: [Mount]
            let settings: Settings
            private enum CodingKeys: String, CodingKey {
                case host = "HostConfig"
                case mounts = "Mounts"
                case settings = "Config"
            }
        }
        let ids = try await platform.docker(["compose", "ps", "--all", "--quiet"]).standardOutput
        let inspected = try await platform.docker(["inspect"] + ids.split(separator: "\n").map(String.init))
        let containers = try JSONText(trusted: inspected.standardOutput).decode([Container].self)
        #expect(containers.count == count)
        let secrets = try ["admin.token", "mqtt.password"].map {
            try String(contentsOfFile: "\(platform.clone)/.lab/platform/\($0)", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        for container in containers {
            let name = container.settings.labels["com.docker.compose.service"] ?? "?"
            #expect(container.host.readonlyRootfs && !container.host.privileged, "\(name)")
            #expect(container.host.capDrop == ["ALL"], "\(name)")
            #expect((container.host.capAdd ?? []).isEmpty || name == "setup", "\(name)")
            let isRoot = ["", "0", "0:0", "root"].contains(container.settings.user)
            #expect(!isRoot || ["setup", "docker-filter"].contains(name), "\(name) runs as root")
            let seesEngine = container.mounts.contains { $0.source.hasSuffix("/docker.sock") }
            #expect(!seesEngine || name == "docker-filter", "\(name) sees the engine's socket")
            let environment = (container.settings.environment ?? []).joined(separator: "\n")
            #expect(!secrets.contains { environment.contains($0) }, "\(name) has a secret in its environment")
        }
        let filter = try await platform.docker([
            "run", "--rm", "--network", "none", "--volume", "\(platform.project)_docker-filter:/filter", "--entrypoint",
            "curl", "nginx", "--silent", "--unix-socket", "/filter/docker.sock", "http://docker/swarm",
            "http://docker/v1.41/containers/json?limit=1",
        ])
        #expect(filter.standardOutput.contains("does not let this through: GET /swarm"), "\(filter)")
        #expect(filter.standardOutput.contains("\"Id\""), "\(filter)")
    }

    /// An image is built by BuildKit through the filter; a port that a program of the machine has is refused, which the
    /// provisioner cannot see from its own container; and files that a container wrote as root go with the app.
    private static func checkBuilding(_ platform: PlatformUnderTest) async throws {
        let compose = """
            services:
              web:
                build: .
                volumes: ["./data:/data"]
                command: [sh, -c, "mkdir -p /data/own && chmod 700 /data/own && touch /data/own/file && exec nginx -g 'daemon off;'"]
                PORTS
            x-lab: {expose: {service: web, port: 80}}
            """
        // What the classic builder does not know.
        try platform.write(
            "FROM nginx\nRUN --mount=type=tmpfs,target=/scratch echo built >/usr/share/nginx/html/index.html\n",
            to: "built/Dockerfile")
        try platform.write(
            compose.replacing("PORTS", with: "ports: [\"\(platform.ports.dns):80\"]"), to: "built/compose.yaml")
        let refused = try await platform.lab(["deploy", "./built"])
        #expect(refused.standardError.contains("is published by the container"), "\(refused.standardError)")
        let port = LoopbackPort.free()
        let listener = try Listener(port: port)
        try platform.write(
            compose.replacing("PORTS", with: "ports: [\"\(port):80\"]"), to: "built/compose.yaml")
        let taken = try await platform.lab(["deploy", "./built"])
        listener.close()
        #expect(taken.standardError.contains("is taken by something else"), "\(taken.standardError)")

        try platform.write(compose.replacing("PORTS", with: ""), to: "built/compose.yaml")
        let deployed = try await platform.lab(["deploy", "./built"])
        #expect(deployed.status.isSuccess, "\(deployed.standardOutput)\(deployed.standardError)")
        #expect(try await platform.fetch("built.home.arpa").standardOutput == "built\n")
        let folder = platform.clone + "-apps/built"
        #expect(FileManager.default.fileExists(atPath: folder + "/project/data/own/file"))
        let removed = try await platform.lab(["remove", "built", "--yes", "--volumes"])
        #expect(removed.status.isSuccess, "\(removed.standardOutput)\(removed.standardError)")
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    /// What Traefik does itself: leads to HTTPS, refuses names that it has no certificate for, and speaks to an upstream
    /// that signs for itself.
    private static func checkTraefik(_ platform: PlatformUnderTest) async throws {
        let plain = try await platform.curl([
            "--head", "--resolve", "hello.home.arpa:\(platform.ports.http):127.0.0.1",
            "http://hello.home.arpa:\(platform.ports.http)/page",
        ])
        #expect(plain.standardOutput.contains(" 308 "), "\(plain)")
        #expect(
            plain.standardOutput.contains("https://hello.home.arpa:\(platform.ports.https)/page"), "\(plain)")
        let stranger = try await platform.fetch("stranger.home.arpa")
        #expect(!stranger.status.isSuccess && stranger.standardError.contains("unrecognized name"), "\(stranger)")

        try platform.write(
            """
            server {
                listen 8443 ssl;
                ssl_certificate /tls/own.crt;
                ssl_certificate_key /tls/own.key;
                location / { return 200 "signed by itself\\n"; }
            }

            """, to: "own/own.conf")
        let made = try await Program.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=own", "-days", "2", "-keyout", "own.key",
                "-out", "own.crt",
            ], directory: platform.clone + "/own", timeout: .seconds(30))
        try #require(made.status.isSuccess, "\(made.standardError)")
        try platform.write(
            """
            services:
              web:
                image: nginx
                volumes: ["./own.conf:/etc/nginx/conf.d/own.conf:ro", ".:/tls:ro"]
                expose: ["8443"]
            x-lab: {expose: {service: web, port: 8443, scheme: https}}
            """, to: "own/compose.yaml")
        let deployed = try await platform.lab(["deploy", "./own"])
        #expect(deployed.status.isSuccess, "\(deployed.standardOutput)\(deployed.standardError)")
        let page = try await platform.fetch("own.home.arpa")
        #expect(page.standardOutput == "signed by itself\n", "\(page)")
        let removed = try await platform.lab(["remove", "own", "--yes"])
        #expect(removed.status.isSuccess, "\(removed)")
    }

    /// A service that is killed comes back, and what was declared meanwhile becomes true.
    private static func checkHealing(_ platform: PlatformUnderTest, proxy: String) async throws {
        let kill = try await platform.docker(["compose", "kill", proxy, "docker-filter", "unbound"])
        #expect(kill.status.isSuccess, "\(kill.standardError)")
        // A container that somebody killed stays down, other than one that fails.
        let again = try await platform.docker(["compose", "up", "--detach", "--wait"], timeout: .seconds(120))
        #expect(again.status.isSuccess, "\(again.standardError)")
        let isBack = try await eventually(within: .seconds(30)) {
            let page = try await platform.fetch("hello.home.arpa")
            let address = try await platform.resolve("hello.home.arpa")
            return page.standardOutput == "from a container\n" && address == "127.0.0.1"
        }
        #expect(isBack)
    }
}

/// Something that listens on a port of the loopback interface.
private struct Listener {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = in_port_t(UInt16(port)).bigEndian
        place.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let isBound = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isBound && listen(descriptor, 1) == 0)
    }

    func close() { _ = Foundation.close(descriptor) }
}
