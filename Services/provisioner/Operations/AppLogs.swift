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
        let app = try await DockerApp(
            input.name, to: "read the logs of", remedy: "Read them where the app runs", call)
        let containers = try await app.containers()
        try app.check(input.service, among: containers.map(\.service), at: "/service")
        return try await app.asking { engine in
            var lines: [Line] = []
            for container in containers where input.service == nil || container.service == input.service {
                let text = try await engine.logs(
                    of: container.id, lines: input.lines?.count ?? 100, since: input.since, withTimes: true)
                lines += text.split(separator: "\n").compactMap { line in
                    guard let space = line.firstIndex(of: " ") else { return nil }
                    return Line(
                        at: String(line[..<space]), service: container.service,
                        text: String(line[line.index(after: space)...]))
                }
            }
            return Output(items: lines.sorted { $0.at < $1.at })
        }
    }
}
