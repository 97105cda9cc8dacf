import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

/// A real Docker engine: the one that answers on this machine, or one that the tool beside this clone starts. It stays
/// up for the other tests, and for the next time.
struct DockerUnderTest: Sendable {
    /// What a program needs in its environment to use `docker`.
    let environment: [String: String]
    /// What the names of this test's projects begin with.
    let prefix: String

    /// The tool, where it is there.
    static let tool: String? = {
        let path = LabUnderTest.repository.deletingLastPathComponent().appending(path: "shared/tools/docker-engine")
            .path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    private static let started = Task<[String: String], any Error> { try await engine(images: ["nginx"]) }

    /// Starts the engine, and makes images.
    ///
    /// - Returns: what a program needs in its environment to use `docker`.
    static func engine(images names: [String]) async throws -> [String: String] {
        guard let tool else { return [:] }
        let result = try await Program.run(tool, ["up"], timeout: .seconds(300), outputLimit: 8 << 20)
        guard result.status.isSuccess else {
            // A machine may forbid what an engine needs; whoever reads the log sees why.
            try Test.cancel("no Docker engine can be started here: \(result.standardError.suffix(500))")
        }
        let images = try await Program.run(tool, ["images"] + names, timeout: .seconds(600), outputLimit: 8 << 20)
        try #require(images.status.isSuccess, "\(images.standardError)")
        return variables(result.standardOutput)
    }

    /// A lab that runs its apps on the engine; whatever of them is left is taken away in the end.
    ///
    /// - Parameter settings: further variables of the lab.
    static func with(
        _ settings: [String: String] = [:],
        _ body: @escaping @Sendable (LabUnderTest, DockerUnderTest) async throws -> Void
    ) async throws {
        let docker = DockerUnderTest(
            environment: try await started.value, prefix: "test\(UInt32.random(in: 0...UInt32.max))-")
        let environment = docker.environment.merging(settings) { $1 }.merging(["LAB_DOCKER_PREFIX": docker.prefix]) {
            $1
        }
        do {
            try await LabUnderTest.with(environment: environment) { lab in try await body(lab, docker) }
        } catch {
            try? await docker.removeAll()
            throw error
        }
        try await docker.removeAll()
    }

    /// Runs `docker` with some arguments.
    func run(_ arguments: [String]) async throws -> ProgramResult {
        try await Program.run("env", variables + ["docker"] + arguments, timeout: .seconds(120), outputLimit: 8 << 20)
    }

    /// Makes an image whose page is a text, and gives it a name that meant another one before.
    func build(_ image: String, page: String) async throws {
        try await withTemporaryDirectory { folder in
            try Data("FROM nginx\nRUN echo \(page) >/usr/share/nginx/html/index.html\n".utf8)
                .write(to: URL(filePath: folder + "/Dockerfile"))
            let built = try await run(["build", "--quiet", "--tag", image, folder])
            try #require(built.status.isSuccess, "\(built.standardError)")
        }
    }

    /// The containers of a project: `name state` of each.
    func containers(of app: String) async throws -> [String] {
        let result = try await run([
            "ps", "--all", "--filter", "label=com.docker.compose.project=\(prefix)\(app)", "--format",
            "{{.Label \"com.docker.compose.service\"}} {{.State}}",
        ])
        return result.standardOutput.split(separator: "\n").map(String.init).sorted()
    }

    /// The containers of one service, as the engine numbers them.
    func ids(of app: String, service: String) async throws -> [String] {
        let result = try await run([
            "ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=\(prefix)\(app)", "--filter",
            "label=com.docker.compose.service=\(service)",
        ])
        return result.standardOutput.split(separator: "\n").map(String.init)
    }

    /// The networks of this test's projects.
    func networks() async throws -> [String] {
        let result = try await run(["network", "ls", "--format", "{{.Name}}", "--filter", "name=^\(prefix)"])
        return result.standardOutput.split(separator: "\n").map(String.init)
    }

    /// All containers of this test's projects, whether they run or not.
    func containerNames() async throws -> [String] {
        let result = try await run(["ps", "--all", "--format", "{{.Names}}", "--filter", "name=^\(prefix)"])
        try #require(result.status.isSuccess, "\(result.standardError)")
        return result.standardOutput.split(separator: "\n").map(String.init)
    }

    /// Kills the engine, and returns when its successor answers.
    func killEngine() async throws {
        guard let tool = Self.tool else { return }
        let status = try await Program.run(tool, ["status"])
        let line = status.standardOutput.split(separator: "\n").first { $0.hasPrefix("pid ") }
        if let pid = line?.split(separator: " ").last.flatMap({ Int32($0) }) { kill(pid, SIGKILL) }
        let isBack = try await eventually {
            (try? await Program.run(tool, ["up"], timeout: .seconds(60), outputLimit: 8 << 20))?.status.isSuccess
                ?? false
        }
        try #require(isBack, "the engine does not come back")
    }

    /// The volumes of this test's projects.
    func volumes() async throws -> [String] {
        let result = try await run(["volume", "ls", "--quiet", "--filter", "name=^\(prefix)"])
        return result.standardOutput.split(separator: "\n").map(String.init)
    }

    /// The names that keep images for this test's apps.
    func imageNames() async throws -> [String] {
        let result = try await run(["images", "--format", "{{.Repository}}"])
        return result.standardOutput.split(separator: "\n").map(String.init).filter { $0.contains(prefix) }
    }

    private func removeAll() async throws {
        // By the project, since Compose calls a container otherwise while it puts it in another's place.
        let result = try await run([
            "ps", "--all", "--format", "{{.ID}} {{.Label \"com.docker.compose.project\"}}",
        ])
        let ids = result.standardOutput.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            .filter { $0.count == 2 && $0[1].hasPrefix(prefix) }.map { $0[0] }
        if !ids.isEmpty { _ = try await run(["rm", "--force", "--volumes"] + ids) }
        let networks = try await run(["network", "ls", "--quiet", "--filter", "name=^\(prefix)"])
        let names = networks.standardOutput.split(separator: "\n").map(String.init)
        if !names.isEmpty { _ = try await run(["network", "rm"] + names) }
        let images = try await run(["images", "--format", "{{.Repository}}:{{.Tag}}"])
        let own = images.standardOutput.split(separator: "\n").map(String.init).filter { $0.contains(prefix) }
        if !own.isEmpty { _ = try await run(["rmi"] + own) }
    }

    private var variables: [String] { environment.map { "\($0.key)=\($0.value)" } }

    /// The variables that lines of a shell set: `export NAME=value`, several a line or one.
    private static func variables(_ text: String) -> [String: String] {
        var variables: [String: String] = [:]
        for statement in text.split(whereSeparator: { $0 == ";" || $0.isNewline }) {
            var words = statement.split(separator: " ")
            guard words.first == "export" else { continue }
            words.removeFirst()
            for word in words {
                guard let equals = word.firstIndex(of: "=") else { continue }
                let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
                let value = word[word.index(after: equals)...].replacing("\"", with: "").replacing("'", with: "")
                variables[String(word[..<equals])] = String(value).replacing("${PATH}", with: path).replacing(
                    "$PATH", with: path)
            }
        }
        return variables
    }
}
