import LabCore
import LabServers
import LabState
import Logging

extension DockerRuntime {
    /// Starts a release and waits until it is healthy; goes back to the one before when it does not become so.
    func start(
        _ release: Release, before former: Release?, telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws {
        do {
            progress(RuntimeProgress("Starting", "The containers of release \(release.number) are started"))
            try await up(release)
            try await untilHealthy(release, telling: progress)
        } catch let fault as ReleaseFault {
            return try await giveUp(release, before: former, because: fault.description, telling: progress)
        } catch ComposeFault.failed(let words) {
            return try await giveUp(release, before: former, because: words, telling: progress)
        } catch ComposeFault.timedOut(let time) {
            let waiting = try await standing(of: release).waiting
            let names = waiting.isEmpty ? "it" : waiting.joined(separator: ", ")
            return try await giveUp(
                release, before: former, because: "\(names) did not come up within \(time)", telling: progress)
        }
        try await releases.makeLive(release)
        young.add(release)
    }

    /// Why a release that has just come up did not, after all: without a health check, a container that fails in its
    /// first seconds is seen running first. Nil when nothing of the kind is seen. What a signal ended, somebody ended.
    func earlyEnd(
        of release: Release, telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws -> String? {
        guard young.contains(release) else { return nil }
        let containers = try await engine.containers(of: settings.project(of: release.app))
        for container in containers {
            if let code = container.exitCode, (1..<128).contains(code) {
                return "\(container.service) ended with the code \(code) soon after its start"
            }
        }
        guard containers.contains(where: { $0.state == "restarting" }) else { return nil }
        do {
            try await untilHealthy(release, telling: progress)
            return nil
        } catch let fault as ReleaseFault {
            return fault.description
        }
    }

    /// Does with a release that did not come up what its file says.
    func giveUp(
        _ release: Release, before former: Release?, because reason: String,
        telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws {
        switch release.failureAction {
        case .rollback: try await goBack(from: release, to: former, because: reason, telling: progress)
        case .pause, .continue:
            try await releases.leaveStanding(release, reason: reason, log: await failingLogs(release))
        }
    }

    private func goBack(
        from release: Release, to former: Release?, because reason: String,
        telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws {
        let log = await failingLogs(release)
        try await releases.fail(release, reason: reason, log: log, former: former)
        guard let former else { return try await takeAway(release.app) }
        try await ResourceStore(postgres: releases.postgres).tell([
            NewEvent(
                "app.rolled_back", about: App.key(ResourceName(release.app)),
                payload: ["by": "lab", "release": .integer(Int64(release.number)), "message": .string(reason)])
        ])
        progress(
            RuntimeProgress(
                "RollingBack",
                "Release \(release.number) did not come up: \(reason). Release \(former.number) is started"))
        try await up(former)
    }

    /// Takes away what is there of an app that nothing of is to run; nothing where nothing is.
    func takeAway(_ app: AppName) async throws {
        let project = settings.project(of: app)
        let containers = try await engine.containers(of: project)
        guard !containers.isEmpty else { return }
        try await compose.down(named: project)
        for volume in containers.flatMap(\.anonymousVolumes) { try await engine.removeVolume(volume) }
    }

    func up(_ release: Release) async throws {
        try await lay(release.files, of: release.app)
        try settings.folder(of: release.app).write(release: release.document)
        for container in try await engine.containers(of: settings.project(of: release.app)) {
            if container.isHalfMade {
                // Compose would give the next one the same name, and stumble over it.
                try await engine.remove(container.id)
            } else if container.state == "paused" {
                // Compose takes a paused container for one that runs.
                try await engine.unpause(container.id)
            }
        }
        // One that others wait for may take as long, and there may be some of them in a row.
        let patience = self.patience(for: release)
        do {
            try await compose.up(
                project(of: release.app), variables: try await variables(of: release), within: patience * 4)
        } catch ComposeFault.failed(let words) where isTaken(release.port, by: words) {
            var moved = release
            moved.port = try await releases.movePort(of: release.app) { LoopbackPort.free() }
            logger.notice(
                "The app's port is held by something else, so it gets another one",
                metadata: ["app": "\(release.app)", "port": "\(release.port)", "instead": "\(moved.port)"])
            try await compose.up(
                project(of: release.app), variables: try await variables(of: moved), within: patience * 4)
        }
        try await join(release)
        try await releases.forgetStopped(release.app)
    }

    /// Whether the port that the lab chose is what Compose stumbled over. An engine that was killed may hold ports of
    /// containers that it has lost (moby, libnetwork's port allocator).
    private func isTaken(_ port: Int, by words: String) -> Bool {
        settings.network == nil && words.contains(":\(port)")
            && ["port is already allocated", "address already in use"].contains { words.contains($0) }
    }

    /// Puts the service that people reach into the network that the proxy finds apps in. Compose would also call it by
    /// its service's name there, which other apps have services of.
    private func join(_ release: Release) async throws {
        guard let network = settings.network, !release.usesHostNetwork else { return }
        for container in try await engine.containers(of: settings.project(of: release.app))
        where container.service == release.service && !container.networks.contains(network) {
            try await engine.connect(container.id, to: network, alias: settings.alias(of: release.app))
        }
    }

    /// How long a release may take until it is healthy: what is set, and more where its health checks begin to count later.
    private func patience(for release: Release) -> Duration {
        let start = release.longestStart
        return start == .zero ? settings.healthTimeout : max(settings.healthTimeout, start + .seconds(60))
    }

    private func untilHealthy(
        _ release: Release, telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws {
        let patience = self.patience(for: release)
        let deadline = ContinuousClock.now + patience
        var restarts = RestartCounts()
        while true {
            let standing = try await standing(of: release)
            if let fault = standing.fault { throw ReleaseFault(fault) }
            for container in standing.restarting { restarts.follow(container) }
            for id in restarts.followed { restarts.note(try await engine.restarts(of: id), of: id) }
            if let fault = restarts.fault { throw ReleaseFault(fault) }
            let waiting = standing.waiting + restarts.unsteady.filter { !standing.waiting.contains($0) }
            if waiting.isEmpty { return }
            guard ContinuousClock.now < deadline else {
                throw ReleaseFault("\(waiting.joined(separator: ", ")) did not become healthy within \(patience)")
            }
            progress(RuntimeProgress("Waiting", "Waits for \(waiting.joined(separator: ", "))"))
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// The end of what the containers wrote that are the reason.
    private func failingLogs(_ release: Release) async -> String {
        let containers = (try? await engine.containers(of: settings.project(of: release.app))) ?? []
        var logs: [String] = []
        for container in containers where !container.isRunning || container.isUnhealthy || container.isStarting {
            let text = (try? await engine.logs(of: container.id, lines: 100)) ?? ""
            logs.append("== \(container.service): \(container.status)\n" + text)
        }
        return String(logs.joined(separator: "\n").suffix(20_000))
    }
}

/// Why a release did not come up.
private struct ReleaseFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
