import LabCore
import LabService

/// `GET /v1/apps/{name}/stats`
struct AppStats: Operation {
    struct Item: Codable, Sendable {
        let service: String
        /// The beginning of the container's id, as `docker ps` shows it.
        let container: String
        let usage: ContainerUsage
    }

    struct Output: Codable, Sendable {
        /// Of the containers that run.
        let items: [Item]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.stats",
            "What the containers of an app take of the machine: cores, memory, network and disk. It takes a second.",
            safety: .read, .get, "/v1/apps/{name}/stats", phrases: ["how much memory does {name} take?"])
    }

    func run(_ input: AppInput, _ call: OperationCall) async throws -> Output {
        let app = try await DockerApp(
            input.name, to: "see what is taken by", remedy: "Look at it where the app runs", call)
        let running = try await app.containers().filter(\.isRunning)
        return try await app.asking { engine in
            // The engine watches each of them for a second, so they are asked for at once.
            try await withThrowingTaskGroup(of: (Int, Item?).self) { group in
                for (position, container) in running.enumerated() {
                    group.addTask {
                        let usage = try await engine.usage(of: container.id)
                        return (
                            position,
                            usage.map {
                                Item(service: container.service, container: String(container.id.prefix(12)), usage: $0)
                            }
                        )
                    }
                }
                var items: [(Int, Item)] = []
                for try await case (let position, let item?) in group { items.append((position, item)) }
                return Output(items: items.sorted { $0.0 < $1.0 }.map(\.1))
            }
        }
    }
}
