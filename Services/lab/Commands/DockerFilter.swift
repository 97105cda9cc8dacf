import ArgumentParser
import LabKit
import Provisioner

/// `lab docker-filter`: what compose.yaml puts before the engine's socket.
struct DockerFilter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docker-filter",
        abstract: "Let through to the Docker engine what the provisioner needs, and refuse the rest.",
        shouldDisplay: false)

    @Option(help: ArgumentHelp("The socket that it listens on.", valueName: "path"))
    var socket = "/run/lab-docker/docker.sock"

    @Option(help: ArgumentHelp("The engine's own socket.", valueName: "path"))
    var engine = "/run/engine/docker.sock"

    func run() async throws {
        // SIGTERM ends it at once: it keeps nothing, and the engine ends what its clients no longer hear.
        try await EngineFilter(socket: socket, engine: engine, logger: LabLogging.start(level: "notice")).run()
    }
}
