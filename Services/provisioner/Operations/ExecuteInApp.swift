import LabCore
import LabService
import LabState

/// `POST /v1/apps/{name}/exec`
///
/// Only with the scope admin: a command sees the secrets in its container's environment.
struct ExecuteInApp: Operation {
    struct Input: Codable, Sendable {
        struct Body: Codable, Sendable {
            let command: [String]
            let service: String?
            let seconds: Int?
        }

        let name: ResourceName
        let body: Body
    }

    struct Output: Codable, Sendable {
        let service: String
        let exitCode: Int
        let standardOutput: String
        let standardError: String
        /// Whether it wrote more than a MiB to one of the two.
        let isCut: Bool
    }

    private static let outputLimit = 1 << 20
    private static let longest = 3600

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.exec", "Runs a command in a container of an app, without input and without a terminal.",
            safety: .destructive, .post, "/v1/apps/{name}/exec", scope: .admin,
            fields: [
                "body/command": "The program and its arguments; no shell sees them.",
                "body/service": "In a container of this service. Default: the one that people reach.",
                "body/seconds": "How long it may take, 1 to 3600; it goes on after that. Default: 60.",
            ])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let app = try await DockerApp(
            input.name, to: "run a command in", remedy: "Run it where the app runs", call)
        let body = input.body
        guard let program = body.command.first, !program.isEmpty, !body.command.contains(where: { $0.utf8.contains(0) })
        else {
            throw Problem.invalid(
                "/body/command", "there is no program, or a NUL character",
                remedy: "Give the program and its arguments, such as [\"ls\", \"-l\"]")
        }
        let seconds = body.seconds ?? 60
        guard (1...Self.longest).contains(seconds) else {
            throw Problem.invalid(
                "/body/seconds", "\(seconds) is not from 1 to \(Self.longest)", remedy: "Give such a number")
        }
        let container = try await container(body.service, of: app)
        do {
            let execution = try await app.asking {
                try await $0.execute(
                    body.command, in: container.id, keeping: Self.outputLimit, within: .seconds(seconds))
            }
            return Output(
                service: container.service, exitCode: execution.exitCode, standardOutput: execution.standardOutput,
                standardError: execution.standardError, isCut: execution.isCut)
        } catch DockerFault.timedOut {
            throw Problem(
                .unavailable, title: "The command has not ended",
                detail: "“\(program.prefix(80))” runs for more than \(seconds) s, and goes on in its container",
                remedy: "Give it more time, or end it there; “lab restart \(app.name)” ends it as well")
        }
    }

    /// A container of a service that runs.
    private func container(_ service: String?, of app: DockerApp) async throws -> DockerEngine.Container {
        let release = try await app.runtime.releases.head(of: app.name).present
        try app.check(service, among: (release?.services ?? []).map(\.name), at: "/body/service")
        let wanted = service ?? release?.service
        guard let container = try await app.containers().first(where: { $0.service == wanted && $0.isRunning }) else {
            throw Problem.conflict(
                "No container of the service “\(wanted ?? "?")” of App \(app.name) runs",
                remedy: "See how it stands with GET /v1/apps/\(app.name), and start it")
        }
        return container
    }
}
