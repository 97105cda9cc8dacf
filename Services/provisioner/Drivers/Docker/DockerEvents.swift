import FoundationEssentials
import LabCore
import Logging

/// Has an app looked at as soon as something happens to one of its containers.
struct DockerEvents: Sendable {
    let engine: DockerEngine
    let settings: DockerSettings
    let watch: RuntimeWatch
    let logger: Logger

    /// Runs until the task is cancelled; an engine that is away, or not installed, is asked again and again.
    func run() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
        while true {
            do {
                guard FileManager.default.fileExists(atPath: settings.socket) else {
                    try await Task.sleep(for: .seconds(15))
                    continue
                }
                // What happened while nobody listened is seen by a look at everything.
                watch.lookAgain(atAll: .docker)
                backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
                try await engine.followContainers { project in
                    guard project.hasPrefix(settings.projectPrefix),
                        let name = try? AppName(String(project.dropFirst(settings.projectPrefix.count)))
                    else { return }
                    watch.lookAgain(at: name)
                }
            } catch {
                try Task.checkCancellation()
                logger.debug("The Docker engine's events ended", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: backoff.next())
        }
    }
}
