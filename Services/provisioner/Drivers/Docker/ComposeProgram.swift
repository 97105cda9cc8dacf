import FoundationEssentials
import LabCore
import LabServers
import LabState
import LabYAML

/// The program `docker compose`: what Compose means is its own affair, so that it renders and applies its files itself.
struct ComposeProgram: Sendable {
    /// A project as Compose is told of it.
    struct Project: Sendable {
        let name: String
        /// What relative paths begin at.
        let directory: String
        let file: String
    }

    /// The path of the engine's socket.
    let socket: String

    /// `docker compose`, or the plugin alone where there is no client: it is a program of its own, `docker-compose`.
    private static let command: (program: String, arguments: [String]) =
        (try? Program.find("docker")) == nil && (try? Program.find("docker-compose")) != nil
        ? ("docker-compose", []) : ("docker", ["compose"])

    /// The file with everything filled in and written out, as JSON.
    ///
    /// - Throws: ``ComposeFault/refused(_:)`` with Compose's own words.
    ///
    /// - Parameter variables: what the file is filled in with, beside what stands in its `.env`.
    func render(_ project: Project, variables: [String: String] = [:]) async throws -> JSONValue {
        let result = try await run(project, ["config", "--format", "json"], variables: variables)
        if !result.status.isSuccess, result.standardError.contains("MarshalJSON") {
            // Compose cannot write every file that it takes as JSON: a key of SSH for a build (2.26, types.SSHKey).
            return try await renderAsYAML(project, variables: variables)
        }
        guard result.status.isSuccess else { throw ComposeFault.refused(Self.words(of: result, project)) }
        return try JSONText(trusted: result.standardOutput).decode(JSONValue.self)
    }

    private func renderAsYAML(_ project: Project, variables: [String: String]) async throws -> JSONValue {
        let result = try await run(project, ["config"], variables: variables)
        guard result.status.isSuccess else { throw ComposeFault.refused(Self.words(of: result, project)) }
        return try YAMLText.documents(result.standardOutput).first ?? .null
    }

    /// What Compose compares containers with: a hash for each service.
    func hashes(_ project: Project, variables: [String: String]) async throws -> [String: String] {
        let result = try await run(project, ["config", "--hash", "*"], variables: variables)
        guard result.status.isSuccess else { throw ComposeFault.refused(Self.words(of: result, project)) }
        var hashes: [String: String] = [:]
        for line in result.standardOutput.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { hashes[String(words[0])] = String(words[1]) }
        }
        return hashes
    }

    /// Builds the images that the file says how to build.
    func build(_ project: Project, variables: [String: String]) async throws {
        let result = try await run(project, ["build", "--quiet"], variables: variables, timeout: .seconds(3600))
        guard result.status.isSuccess else { throw ComposeFault(applying: Self.words(of: result, project)) }
    }

    /// Makes the containers those of the file and starts them; their images must be there. What depends on another's
    /// health waits for it.
    ///
    /// - Parameter time: how long what others wait for may take; ``ComposeFault/timedOut(_:)`` is thrown then.
    /// - Throws: ``ComposeFault/unavailable(_:)`` when the engine went away meanwhile, which says nothing of the file.
    func up(_ project: Project, variables: [String: String], within time: Duration) async throws {
        let result: ProgramResult
        do {
            result = try await run(
                project, ["up", "--detach", "--no-build", "--pull", "never", "--remove-orphans", "--quiet-pull"],
                variables: variables, timeout: time)
        } catch ServerError.programTimedOut {
            throw ComposeFault.timedOut(time)
        }
        guard result.status.isSuccess else { throw ComposeFault(applying: Self.words(of: result, project)) }
    }

    func stop(_ project: Project) async throws {
        let result = try await run(project, ["stop"], timeout: .seconds(300))
        guard result.status.isSuccess else { throw ComposeFault(applying: Self.words(of: result, project)) }
    }

    func restart(_ project: Project) async throws {
        let result = try await run(project, ["restart"], timeout: .seconds(300))
        guard result.status.isSuccess else { throw ComposeFault(applying: Self.words(of: result, project)) }
    }

    /// Removes containers and networks. Needs no file: Compose finds them by their labels.
    func down(named name: String) async throws {
        let result = try await Program.run(
            Self.command.program,
            Self.command.arguments + ["--project-name", name, "down", "--remove-orphans"],
            environment: environment, directory: "/", timeout: .seconds(300))
        guard result.status.isSuccess else {
            throw ComposeFault.failed(Self.lastLines(result.standardError))
        }
    }

    private func run(
        _ project: Project, _ arguments: [String], variables: [String: String] = [:], timeout: Duration = .seconds(60)
    ) async throws -> ProgramResult {
        try await Program.run(
            Self.command.program,
            Self.command.arguments + [
                "--ansi", "never", "--progress", "plain", "--project-name", project.name,
                "--project-directory", project.directory, "--file", project.file,
            ] + arguments,
            environment: environment.merging(variables) { own, given in own.isEmpty ? given : own },
            directory: project.directory,
            timeout: timeout, outputLimit: 8 << 20)
    }

    /// Without the lab's own settings, passwords among them, which a file would else be filled in with.
    private var environment: [String: String] {
        let own = ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix("LAB_") }
        return Dictionary(own.map { ($0, "") } + [("DOCKER_HOST", "unix://\(socket)")]) { $1 }
    }

    private static func words(of result: ProgramResult, _ project: Project) -> String {
        lastLines(result.standardError).replacing(project.directory + "/", with: "").replacing(project.file, with: "")
    }

    /// The end of what a program said, where the reason stands; warnings and progress come before.
    private static func lastLines(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.contains("level=warning") }
        return lines.suffix(5).joined(separator: "; ")
    }
}

/// What went wrong with Compose.
enum ComposeFault: Error, Sendable, CustomStringConvertible {
    /// The file is not one that Compose accepts.
    case refused(String)
    /// It was accepted, and could not be applied.
    case failed(String)
    /// The engine does not answer.
    case unavailable(String)
    /// Something that others wait for neither came up nor failed.
    case timedOut(Duration)

    /// From what the program said when it failed.
    init(applying words: String) {
        // What Docker's client says when its connection is refused, and when it breaks off.
        let isAway = ["error during connect", "Cannot connect to the Docker daemon"].contains { words.contains($0) }
        self = isAway ? .unavailable(words) : .failed(words)
    }

    var description: String {
        switch self {
        case .refused(let words): "Compose refuses the file: \(words)"
        case .failed(let words): "docker compose failed: \(words)"
        case .timedOut(let time): "docker compose was not done within \(time)"
        case .unavailable(let words): "the Docker engine went away: \(words)"
        }
    }
}
