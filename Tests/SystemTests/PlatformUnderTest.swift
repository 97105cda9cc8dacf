import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

/// The platform of compose.yaml on a real engine, with Traefik or with nginx in its place. The image of Traefik is made of
/// its own program.
struct PlatformUnderTest: Sendable {
    /// The folder that stands for a user's clone: what compose.yaml reads of one, and its `.lab`.
    let clone: String
    let project: String
    let ports: (http: Int, https: Int, dns: Int, mqtt: Int)
    private let variables: [String: String]

    /// Traefik's own program, which Tests/run installs.
    static let traefik = ProcessInfo.processInfo.environment["LAB_TRAEFIK_PROGRAM"].flatMap { $0.isEmpty ? nil : $0 }

    /// A folder with the static program as `out/lab`, which Tests/run makes.
    static let build = ProcessInfo.processInfo.environment["LAB_PLATFORM_BUILD"]

    /// The parts of the repository that are needed beside the program.
    private static let parts = [
        ".env", ".dockerignore", "Dockerfile", "compose.yaml", "compose", "infra", "lab", "proxy", "Tests",
    ]

    /// - Parameter profile: the proxy, `traefik` or `nginx`.
    init(engine: [String: String], profile: String) throws {
        let number = UInt32.random(in: 0...UInt32.max)
        project = "platform\(number)"
        clone = FileManager.default.temporaryDirectory.appending(path: project).path
        ports = (LoopbackPort.free(), LoopbackPort.free(), LoopbackPort.free(), LoopbackPort.free())
        let subnet = "172.\(Int.random(in: 20...30)).\(Int.random(in: 0...255))"
        variables = engine.merging([
            "COMPOSE_FILE": "compose.yaml:Tests/compose.ci.yaml", "COMPOSE_PROJECT_NAME": project,
            "COMPOSE_PROFILES": profile, "LAB_BUILD": Self.build ?? "", "LAB_TAG": "test",
            "LAB_TRAEFIK_TAG": "lab-test",
            "LAB_HTTP_PORT": "\(ports.http)", "LAB_HTTPS_PORT": "\(ports.https)", "LAB_DNS_PORT": "\(ports.dns)",
            "LAB_MQTT_PORT": "\(ports.mqtt)", "LAB_BIND": "127.0.0.1", "LAB_DNS_UPSTREAM": "none",
            "LAB_SUBNET": "\(subnet).0/24",
            "LAB_DNS_CONTAINER": "\(subnet).53", "LAB_APPS_NETWORK": "\(project)-apps",
            "LAB_DOCKER_PREFIX": "\(project)-", "LAB_APPS_DIR": clone + "-apps", "LAB_STATE_DIR": clone + "/.lab",
        ]) { $1 }
        try FileManager.default.createDirectory(atPath: clone, withIntermediateDirectories: true)
        for part in Self.parts {
            let source = LabUnderTest.repository.appending(path: part).path
            guard FileManager.default.fileExists(atPath: source) else { continue }
            try FileManager.default.copyItem(atPath: source, toPath: "\(clone)/\(part)")
        }
    }

    /// Runs the body with images that are made, and takes everything away in the end.
    static func with(profile: String, _ body: (PlatformUnderTest) async throws -> Void) async throws {
        let engine = try await DockerUnderTest.engine(images: [
            "nginx", "pgvector/pgvector:pg17", "eclipse-mosquitto:2",
        ])
        let platform = try PlatformUnderTest(engine: engine, profile: profile)
        do {
            if profile == "traefik" { try await platform.buildTraefik() }
            let built = try await platform.docker(["compose", "build", "--quiet"], timeout: .seconds(600))
            try #require(built.status.isSuccess, "\(built.standardError)")
            try await body(platform)
        } catch {
            try? await platform.removeAll()
            throw error
        }
        try await platform.removeAll()
    }

    /// Makes of Traefik's program an image that starts as the official one does.
    private func buildTraefik() async throws {
        let program = try #require(Self.traefik)
        let folder = clone + "/traefik-image"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: program, toPath: folder + "/traefik")
        try write(
            "FROM scratch\nCOPY traefik /usr/local/bin/traefik\nENV PATH=/usr/local/bin\nENTRYPOINT [\"traefik\"]\n",
            to: "traefik-image/Dockerfile")
        let built = try await docker(["build", "--quiet", "--tag", "traefik:lab-test", folder])
        try #require(built.status.isSuccess, "\(built.standardError)")
    }

    func docker(_ arguments: [String], timeout: Duration = .seconds(120)) async throws -> ProgramResult {
        try await run("docker", arguments, timeout: timeout)
    }

    /// Runs the command line as on the machine itself, with what it finds in the clone.
    func lab(_ arguments: [String]) async throws -> ProgramResult {
        let program = ProcessInfo.processInfo.environment["LAB_PROGRAM"] ?? "lab"
        return try await run(program, arguments, timeout: .seconds(120))
    }

    /// Runs the entry script of the clone on a machine that has Docker, and neither Swift nor the program.
    func entryScript(_ arguments: [String]) async throws -> ProgramResult {
        let programs = clone + "/programs"
        try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
        for program in ["bash", "dirname", "docker", "env", "id", "readlink", "realpath", "sort"] {
            let path = try await run("which", [program], timeout: .seconds(5)).standardOutput
            try? FileManager.default.createSymbolicLink(
                atPath: "\(programs)/\(program)",
                withDestinationPath: path.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return try await run("env", ["PATH=\(programs)", "\(clone)/lab"] + arguments, timeout: .seconds(120))
    }

    /// Fetches a page as a browser of the house does, by the name and with the authority's certificate.
    func fetch(_ host: String) async throws -> ProgramResult {
        try await curl([
            "--cacert", clone + "/.lab/platform/public/ca.pem", "--resolve", "\(host):\(ports.https):127.0.0.1",
            "https://\(host):\(ports.https)/",
        ])
    }

    func curl(_ arguments: [String]) async throws -> ProgramResult {
        try await run(
            "curl", ["--silent", "--show-error", "--max-time", "10"] + arguments, timeout: .seconds(20))
    }

    /// What the resolver answers from outside of the containers.
    func resolve(_ host: String) async throws -> String {
        let result = try await run(
            "dig", ["+short", "+time=2", "+tries=2", "@127.0.0.1", "-p", "\(ports.dns)", host], timeout: .seconds(20))
        return result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func write(_ text: String, to path: String) throws {
        let whole = "\(clone)/\(path)"
        try FileManager.default.createDirectory(
            at: URL(filePath: whole).deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: whole))
    }

    private func run(_ program: String, _ arguments: [String], timeout: Duration) async throws -> ProgramResult {
        try await Program.run(
            "env", variables.map { "\($0.key)=\($0.value)" } + [program] + arguments, directory: clone,
            timeout: timeout, outputLimit: 8 << 20)
    }

    private func removeAll() async throws {
        let apps = try await docker(["ps", "--all", "--quiet", "--filter", "name=^\(project)-"])
        _ = try await docker(["compose", "--profile", "*", "down", "--volumes", "--remove-orphans"])
        let ids = apps.standardOutput.split(separator: "\n").map(String.init)
        if !ids.isEmpty { _ = try await docker(["rm", "--force", "--volumes"] + ids) }
        let networks = try await docker(["network", "ls", "--quiet", "--filter", "name=^\(project)"])
        let names = networks.standardOutput.split(separator: "\n").map(String.init)
        if !names.isEmpty { _ = try await docker(["network", "rm"] + names) }
        for folder in [clone, clone + "-apps"] where FileManager.default.fileExists(atPath: folder) {
            try FileManager.default.removeItem(atPath: folder)
        }
    }
}
