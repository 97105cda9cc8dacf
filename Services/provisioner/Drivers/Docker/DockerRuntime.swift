import FoundationEssentials
import LabCore
import LabCrypto
import LabHTTPClient
import LabServers
import LabState
import Logging
import Synchronization

/// Apps as Compose projects on a Docker engine: looked at over the engine's API, applied by `docker compose`.
struct DockerRuntime: Runtime {
    let settings: DockerSettings
    let engine: DockerEngine
    let compose: ComposeProgram
    let releases: ReleaseStore
    let secrets: AppSecrets
    /// Asks an app whether it answers.
    let native: NativeRuntime
    let logger: Logger
    let hashes = ServiceHashes()
    let young = YoungReleases()

    init(
        _ settings: DockerSettings, releases: ReleaseStore, native: NativeRuntime, logger: Logger
    ) {
        self.settings = settings
        self.releases = releases
        self.native = native
        self.logger = logger
        secrets = AppSecrets(
            postgres: releases.postgres, keyFile: SealingKeyFile(path: settings.sealingKeyFile))
        engine = DockerEngine(socket: settings.socket, logger: logger)
        compose = ComposeProgram(socket: settings.socket)
    }

    var name: RuntimeName { .docker }
    var capabilities: Set<RuntimeCapability> { [.lifecycle, .restart, .releases] }

    // MARK: Applying

    func apply(_ app: RunnableApp, telling progress: @Sendable (RuntimeProgress) -> Void) async throws {
        guard case .compose(let source) = app.workload else { return }
        let head = try await releases.head(of: app.name)
        if source.isStopped {
            return try await stop(app.name, telling: progress)
        }
        guard let newest = head.newest, newest.sourceHash == source.hash else {
            let release =
                if let number = source.release {
                    try await copy(number, source, of: app.name)
                } else {
                    try await prepare(app.name, source, instead: head.live, telling: progress)
                }
            return try await settle(release, before: head.fallback, telling: progress)
        }
        switch newest.status {
        case .starting:
            // This process, or another, was killed meanwhile.
            try await settle(newest, before: head.fallback, telling: progress)
        case .live, .replaced, .failed:
            guard let live = head.live else {
                return newest.isLeftStanding ? () : try await takeAway(app.name)
            }
            if let fault = try await earlyEnd(of: live, telling: progress) {
                return try await giveUp(live, before: head.replaced, because: fault, telling: progress)
            }
            try await keep(live, source.drift, telling: progress)
        }
    }

    /// Starts a release, and when it has come up or was taken back, lets go of those that are too old.
    private func settle(
        _ release: Release, before former: Release?, telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws {
        try await start(release, before: former, telling: progress)
        do {
            try await prune(release.app)
        } catch {
            // The next release tries it again.
            logger.warning(
                "Old releases were not removed", metadata: ["app": "\(release.app)", "error": "\(error)"])
        }
    }

    /// Removes the releases that are not to be kept, and the images' names that none of the others needs.
    private func prune(_ app: AppName) async throws {
        let history = try await releases.releases(of: app)
        let outdated = ReleaseRetention.outdated(in: history, keeping: settings.releasesKept)
        if !outdated.isEmpty { try await releases.remove(outdated) }
        let gone = Set(outdated.map(\.number))
        let names = ImageNames(settings, of: app)
        let needed = names.names(of: history.filter { !gone.contains($0.number) })
        for name in try await engine.references(below: names.prefix) where !needed.contains(name) {
            try await engine.untag(name)
        }
    }

    /// The same as below; where an image cannot be brought, what runs is kept as it is.
    private func prepare(
        _ app: AppName, _ source: ComposeSource, instead live: Release?,
        telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws -> Release {
        do {
            return try await prepare(app, source, telling: progress)
        } catch {
            guard let live, !Task.isCancelled else { throw error }
            // What lies beside the new file has been written already, and may be mounted.
            try await lay(live.files, of: app)
            guard var problem = error as? Problem else { throw error }
            try await keep(live, source.drift, telling: progress)
            problem.detail += ". Release \(live.number) runs on"
            throw problem
        }
    }

    /// Renders the file, brings its images, and stores what is to be run.
    private func prepare(
        _ app: AppName, _ source: ComposeSource, telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws -> Release {
        progress(RuntimeProgress("Resolving", "The Compose file is rendered"))
        let folder = settings.folder(of: app)
        try await lay(source.files, compose: source.text.text, of: app)
        let file = ComposeProgram.Project(
            name: settings.project(of: app), directory: folder.project, file: folder.project + "/compose.yaml")
        let names = try await secrets.names(for: source.text, of: app)
        let host = try source.host ?? settings.defaultHost(of: app)
        let variables = SecretPlaceholder.environment(of: names).merging(settings.variables(of: host)) { own, _ in own }
        let project = try ComposeProject(try await compose.render(file, variables: variables))
        try await secrets.ensure(ComposeCheck.secrets(in: source.text.text), of: app)
        let exposure = try project.exposure()
        if project.services.contains(where: \.isBuilt) {
            progress(RuntimeProgress("Building", "Images are built, which may take minutes"))
            try await compose.build(file, variables: variables)
        }
        var document = ReleaseDocument(project.document, app: app)
        var images: [String: Release.Image] = [:]
        for service in project.services {
            let reference = project.imageReference(of: service, in: file.name)
            let id = try await image(reference, of: service, telling: progress)
            images[service.name] = Release.Image(reference: reference, id: id)
            let name = ImageReference(ImageNames(settings, of: app).name(of: id, service.name))
            try await engine.tag(id, repository: name.repository, tag: name.tag)
            document.pin(service.name, to: "\(name.repository):\(name.tag)", named: reference)
        }
        try await limitCores(of: &document)
        var port = exposure?.port ?? 1
        if let exposure, settings.network == nil, !project.usesHostNetwork(exposure.service) {
            port = try await releases.port(of: app) { LoopbackPort.free() }
            document.publish(exposure.service, exposure.port)
        }
        return try await releases.add(
            app, source,
            document: JSONText(trusted: SecretPlaceholder.replace(names, in: JSONText(encoding: document.value).text)),
            images: images, service: exposure?.service ?? "",
            scheme: exposure?.scheme ?? "http", port: port)
    }

    /// A release that runs what another one ran.
    ///
    /// - Throws: a problem of the title `ReleaseGone` when that one is not kept any more.
    private func copy(_ number: Int, _ source: ComposeSource, of app: AppName) async throws -> Release {
        guard let former = try await releases.release(number, of: app) else {
            throw Problem(
                .conflict, title: "ReleaseGone", detail: "Release \(number) of App \(app) is not kept any more",
                remedy: "Go back to another one of “lab releases \(app)”, or deploy the app anew")
        }
        return try await releases.add(
            app, source, document: former.document, images: former.images, service: former.service,
            scheme: former.scheme, port: former.port)
    }

    private func stop(_ app: AppName, telling progress: @Sendable (RuntimeProgress) -> Void) async throws {
        try await releases.noteStopped(app)
        let containers = try await engine.containers(of: settings.project(of: app))
        guard containers.contains(where: { !["exited", "created", "dead"].contains($0.state) }) else { return }
        progress(RuntimeProgress("Stopping", "The containers are stopped"))
        try await compose.stop(project(of: app))
    }

    /// The image that a name means now; pulled when the engine has none and the file does not forbid it.
    private func image(
        _ reference: String, of service: ComposeProject.Service, telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws -> String {
        if let id = try await engine.imageID(of: reference) { return id }
        guard service.isPulled else {
            throw Problem(
                .unavailable, title: "ImageNotPulled",
                detail:
                    "The engine has no image \(reference) of the service “\(service.name)”, which is not to be pulled",
                remedy: "Make it on this machine, or take “pull_policy” out of the file")
        }
        try await pull(reference, of: service, telling: progress)
        guard let id = try await engine.imageID(of: reference) else {
            throw Problem(
                .unavailable, title: "ImageNotPulled", detail: "The engine has no image \(reference) after its pull")
        }
        return id
    }

    // MARK: Keeping

    /// Puts right what was changed by hand, where the app wants that, and starts what the lab had stopped.
    private func keep(
        _ release: Release, _ policy: DriftPolicy, telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws {
        let wasStopped = policy == .report ? try await releases.isStopped(release.app) : false
        guard policy == .correct || wasStopped, let drift = try await drift(of: release) else { return }
        if wasStopped {
            progress(RuntimeProgress("Starting", "The containers of release \(release.number) are started"))
            return try await up(release)
        }
        progress(RuntimeProgress("Correcting", "\(drift). It is put right"))
        logger.notice("Containers are put right", metadata: ["app": "\(release.app)", "drift": "\(drift)"])
        try await up(release)
    }

    /// What differs between the containers and the release, in a sentence; nil when nothing does.
    func drift(of release: Release) async throws -> String? {
        let variables = try await variables(of: release)
        let expected = try await hashes.of(release, variables) { release in
            let folder = settings.folder(of: release.app)
            try await lay(release.files, of: release.app)
            try folder.write(release: release.document)
            return try await compose.hashes(project(of: release.app), variables: variables)
        }
        let containers = try await engine.containers(of: settings.project(of: release.app))
        for service in release.services {
            let own = containers.filter { $0.service == service.name }
            guard !own.isEmpty else { return "The container of the service “\(service.name)” is gone" }
            for container in own {
                if service.hasOwnHash, container.configurationHash != expected[service.name] {
                    return "The container of “\(service.name)” was changed"
                }
                if service.name == release.service, let network = settings.network, !release.usesHostNetwork,
                    !container.networks.contains(network)
                {
                    return "The container of “\(service.name)” is not in the network \(network)"
                }
                let hasEndedWell = service.mayEnd && container.exitCode == 0
                if !container.isRunning, !hasEndedWell, container.state != "restarting" {
                    return "The container of “\(service.name)” does not run: \(container.status)"
                }
            }
        }
        return nil
    }

    // MARK: Ending

    func remove(_ app: RunnableApp, withData: Bool) async throws {
        let project = settings.project(of: app.name)
        let anonymous = try await engine.containers(of: project).flatMap(\.anonymousVolumes)
        try await compose.down(named: project)
        if withData {
            for volume in anonymous { try await engine.removeVolume(volume) }
            // What apps share outlives each of them.
            for volume in try await engine.volumes(of: project) where !volume.isShared {
                try await engine.removeVolume(volume.name)
            }
        }
        for reference in try await engine.references(below: ImageNames(settings, of: app.name).prefix) {
            try await engine.untag(reference)
        }
        let written = try await releases.writtenFiles(of: app.name)
        let folder = settings.folder(of: app.name)
        if withData {
            try await remove(folder)
            try await secrets.removeAll(of: app.name)
        } else {
            folder.removeWritten(written)
        }
        try await releases.removeAll(of: app.name)
        hashes.forget(app.name)
    }

    /// What containers wrote as users of their own, root among them, the lab may not be able to remove itself.
    private func remove(_ folder: ProjectFolder) async throws {
        do {
            try folder.remove()
        } catch {
            guard try await engine.removeFolder(folder.path, within: settings) else {
                throw Problem(
                    .forbidden, title: "FilesNotRemoved",
                    detail: "What the containers wrote to \(folder.path) belongs to users of theirs: \(error)",
                    remedy: "Remove it: sudo rm -r \(folder.path)")
            }
        }
    }

    /// Where something was changed by hand, that is put right; else the containers are stopped and started.
    func restart(_ app: RunnableApp) async throws {
        guard case .compose(let source) = app.workload else { return }
        guard !source.isStopped else {
            throw Problem(
                .conflict, title: "Stopped", detail: "App \(app.name) was stopped",
                remedy: "Start it with “lab start \(app.name)”")
        }
        guard let live = try await releases.head(of: app.name).live else {
            throw Problem(
                .conflict, title: "NotStarted", detail: "No release of App \(app.name) runs",
                remedy: "See why with “lab status \(app.name)”")
        }
        do {
            if try await drift(of: live) != nil {
                try await up(live)
            } else {
                try await compose.restart(project(of: app.name))
            }
        } catch let fault as ComposeFault {
            throw Problem(.unavailable, title: "NotRestarted", detail: "App \(app.name): \(fault)")
        }
    }

    // MARK: Files

    /// Writes the files that lie beside a Compose file, and takes away those of former releases that it has no more. What
    /// an app has changed since stays.
    func lay(_ files: [String: String], compose text: String? = nil, of app: AppName) async throws {
        let folder = settings.folder(of: app)
        let outdated = try await releases.writtenFiles(of: app).subtracting(files.keys)
        if !outdated.isEmpty {
            let former = try await releases.releases(of: app)
            for file in outdated.sorted() {
                // What no release has was written for one that was never made.
                let texts = former.compactMap { $0.files[file] }
                if texts.isEmpty || texts.contains(where: { folder.holds($0, in: file) }) {
                    folder.removeOutdated([file])
                }
            }
            try await releases.forgetWritten(outdated.sorted(), of: app)
        }
        try await releases.noteWritten(files.keys.sorted(), of: app)
        try folder.write(files, compose: text)
    }

    /// The values of the app's secrets, which are in Compose's environment and in no document, and its port.
    func variables(of release: Release) async throws -> [String: String] {
        try await secrets.values(of: release.app).mapValues { $0.reveal() }.merging([
            ReleaseDocument.portVariable: String(release.port)
        ]) { $1 }
    }

    func project(of app: AppName) -> ComposeProgram.Project {
        let folder = settings.folder(of: app)
        return .init(name: settings.project(of: app), directory: folder.project, file: folder.releaseFile)
    }
}
