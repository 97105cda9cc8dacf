import FoundationEssentials
import LabCore
import LabService
import LabState

/// `GET /v1/apps/{name}/logs`
struct AppLogs: Operation {
    struct Input: Codable, Sendable {
        let name: ResourceName
        let service: String?
        let lines: PageSize?
        let since: Date?
    }

    struct Line: Codable, Sendable {
        /// RFC 3339, to the nanosecond: give it as `since` to have what came later.
        let at: String
        let service: String
        let text: String
    }

    struct Output: Codable, Sendable {
        let items: [Line]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.logs", "What the containers of an app wrote last, oldest first.", safety: .read, .get,
            "/v1/apps/{name}/logs", phrases: ["show the logs of {name}"],
            fields: [
                "service": "Only of this service.", "lines": "How many of each container at the most. Default: 100.",
                "since": "Only what was written from then on.",
            ])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let app = try await AppInput(name: input.name).app(call)
        let runtimes = try Runtimes(call.lab)
        guard app.spec.effectiveRuntime == .docker else {
            throw runtimes[app.spec.effectiveRuntime].unsupported(
                "read the logs of App \(app.name)", remedy: "Read them where the app runs")
        }
        let docker = runtimes.docker
        let project = docker.settings.project(of: try App.appName(app.name))
        do {
            let containers = try await docker.engine.containers(of: project)
            if let service = input.service, !containers.contains(where: { $0.service == service }) {
                let services = Set(containers.map(\.service)).sorted()
                throw Problem.invalid(
                    "/service", "App \(app.name) has no service “\(service)”",
                    remedy: services.isEmpty ? "Leave it out" : "Give one of \(services.joined(separator: ", "))")
            }
            var lines: [Line] = []
            for container in containers where input.service == nil || container.service == input.service {
                let text = try await docker.engine.logs(
                    of: container.id, lines: input.lines?.count ?? 100, since: input.since, withTimes: true)
                lines += text.split(separator: "\n").compactMap { line in
                    guard let space = line.firstIndex(of: " ") else { return nil }
                    return Line(
                        at: String(line[..<space]), service: container.service,
                        text: String(line[line.index(after: space)...]))
                }
            }
            return Output(items: lines.sorted { $0.at < $1.at })
        } catch let fault as DockerFault {
            throw Problem(.unavailable, title: "Docker is not available", detail: "\(fault)")
        }
    }
}
