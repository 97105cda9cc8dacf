import LabCore
import LabState

extension DockerRuntime {
    func observe(_ app: RunnableApp) async throws -> RuntimeObservation {
        guard case .compose(let source) = app.workload else {
            throw unsupported("run an app without a Compose file", remedy: "Give it one, or an upstream")
        }
        let head = try await releases.head(of: app.name)
        let live = head.live
        if source.isStopped {
            return RuntimeObservation(
                isRunning: false, reason: "Stopped",
                message: "It was stopped. Start it with “lab start \(app.name)”",
                upstream: try live.flatMap(settings.upstream))
        }
        if let newest = head.newest, newest.isLeftStanding, live == nil { return try await leftStanding(newest) }
        if let newest = head.newest, newest.status == .failed, newest.sourceHash == source.hash {
            let rest = live.map { "Release \($0.number) runs on." } ?? "Nothing of it runs."
            return RuntimeObservation(
                isRunning: false, reason: live == nil ? "ReleaseFailed" : "RolledBack",
                message: "Release \(newest.number) did not come up: \(newest.reason). \(rest) "
                    + "See what it wrote with “lab releases \(app.name)”",
                upstream: try live.flatMap(settings.upstream))
        }
        guard let live else {
            return RuntimeObservation(
                isRunning: false, reason: "NotStarted", message: "No release of it was started yet", upstream: nil)
        }
        let standing = try await standing(of: live)
        let upstream = try settings.upstream(of: live)
        if source.drift == .report, let drift = try await drift(of: live) {
            return RuntimeObservation(
                isRunning: false, reason: "Drifted",
                message: "\(drift), and the app says “drift: report”. Put it right with “lab restart \(app.name)”",
                upstream: upstream)
        }
        guard standing.fault == nil, standing.waiting.isEmpty else {
            let waiting = standing.waiting.joined(separator: ", ")
            return RuntimeObservation(
                isRunning: false, reason: "ContainersNotRunning",
                message: standing.fault ?? "Waits for \(waiting)", upstream: upstream)
        }
        let count = "\(standing.running) of \(standing.count) containers of release \(live.number) run"
        let numbers: JSONValue = [
            "release": .integer(Int64(live.number)), "containers": .integer(Int64(standing.count)),
            "running": .integer(Int64(standing.running)),
        ]
        guard let upstream else {
            return RuntimeObservation(
                isRunning: true, reason: "ContainersRun", message: count, upstream: nil, numbers: numbers)
        }
        let answer = try await native.observe(
            RunnableApp(name: app.name, workload: .upstream(upstream), healthPath: app.healthPath))
        guard answer.isRunning else {
            return RuntimeObservation(
                isRunning: false, reason: "DoesNotAnswer",
                message: "The containers run, and nothing answers at port \(live.port) of the service "
                    + "“\(live.service)” yet: \(answer.message)",
                upstream: upstream)
        }
        return RuntimeObservation(
            isRunning: true, reason: "ContainersRun",
            message: "\(count); \(answer.message)", upstream: upstream, numbers: numbers)
    }

    /// Of a release that did not come up and is there for inspection.
    private func leftStanding(_ release: Release) async throws -> RuntimeObservation {
        let standing = try await standing(of: release)
        return RuntimeObservation(
            isRunning: false, reason: "LeftStanding",
            message:
                "Release \(release.number) did not come up: \(release.reason). It is left standing for inspection, "
                + "as its failure_action is “\(release.failureAction.rawValue)”: \(standing.running) of "
                + "\(standing.count) containers run. Look at it with “lab logs \(release.app)”, go back with "
                + "“lab rollback \(release.app)”, or deploy it mended",
            upstream: try settings.upstream(of: release))
    }

    func standing(of release: Release) async throws -> ContainerStanding {
        ContainerStanding(
            services: release.services,
            containers: try await engine.containers(of: settings.project(of: release.app)))
    }
}
