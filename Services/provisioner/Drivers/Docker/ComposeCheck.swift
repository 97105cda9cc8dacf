import FoundationEssentials
import LabCore
import LabCrypto
import LabPostgres
import LabServers
import LabService
import LabState
import LabYAML
import Logging

/// Looks at a Compose file before anything is declared or started: whether it is YAML, whether Compose accepts it,
/// whether it stays inside its containers, and what it says of itself.
struct ComposeCheck: Sendable {
    let settings: DockerSettings
    private let ports: HostPorts
    private let secrets: AppSecrets
    private let compose: ComposeProgram
    private let engine: DockerEngine

    init(_ settings: DockerSettings, postgres: PostgresClient, logger: Logger) {
        self.settings = settings
        engine = DockerEngine(socket: settings.socket, logger: logger)
        ports = HostPorts(postgres: postgres, engine: engine, settings: settings)
        secrets = AppSecrets(postgres: postgres, keyFile: SealingKeyFile(path: settings.sealingKeyFile))
        compose = ComposeProgram(socket: settings.socket)
    }

    /// The spec with what its Compose file says where it says nothing itself.
    ///
    /// - Throws: a problem at `/body/compose`, `/body/files` or `/body/host`.
    func completed(_ spec: AppSpec, name: AppName, _ names: LabNames) async throws -> AppSpec {
        guard let text = spec.compose else {
            throw Problem.invalid(
                "/body/compose", "an app in containers needs a Compose file", remedy: "Give its text as compose")
        }
        try Self.checkYAML(text.text)
        let host = try spec.host ?? names.defaultHost(of: name)
        let project = try await project(
            text, files: spec.files ?? [:], name: name, host: host, allowing: Set(spec.allow ?? []))
        let isExposed = try project.exposure() != nil
        try await checkMachine(project.block.requirements)
        let refusals = try await ports.refusals(of: project.hostPorts, for: name)
        guard refusals.isEmpty else { throw Problem.invalid(refusals) }
        var complete = try complete(spec, project.block, names)
        if !isExposed { complete.exposed = false }
        return complete
    }

    /// - Throws: a problem with the line and the column.
    static func checkYAML(_ text: String) throws {
        do {
            _ = try YAMLText.documents(text)
        } catch let error as YAMLError {
            throw Problem.invalid("/body/compose", "the file is not YAML: \(error)", remedy: "Mend that place")
        }
    }

    /// The names under `x-lab.secrets`, before the file is rendered: that is filled in with them. What is wrong with the
    /// block is said of the rendered one.
    static func secrets(in text: String) -> [String] {
        guard let names = LabBlock.value(in: text)?["secrets"] else { return [] }
        return names.arrayValue?.compactMap(\.stringValue) ?? names.stringValue.map { [$0] } ?? []
    }

    /// The rendered file, with the paths that it will have.
    ///
    /// - Throws: a problem at `/body/compose` or `/body/files`.
    func project(
        _ text: ComposeText, files: [String: String], name: AppName, host: Hostname,
        allowing allowed: Set<Allowance> = []
    ) async throws -> ComposeProject {
        let folders = CheckFolders(directory: settings.appsDirectory)
        folders.removeLeftovers()
        return try await folders.with { folder in
            try await project(text, files: files, name: name, host: host, allowing: allowed, in: folder)
        }
    }

    private func project(
        _ text: ComposeText, files: [String: String], name: AppName, host: Hostname, allowing allowed: Set<Allowance>,
        in folder: ProjectFolder
    ) async throws -> ComposeProject {
        let outside = OutsideFiles.read(by: text.text, files)
        // Before it is rendered, since that is what reads them. What the block allows stands in the text.
        let granted = LabBlock.value(in: text.text)?["allow"]
        let isAllowed =
            allowed.contains(.hostPaths)
            || (granted?.arrayValue ?? [granted].compactMap { $0 }).contains(.string(Allowance.hostPaths.rawValue))
        guard outside.isEmpty || isAllowed else {
            throw Problem.invalid(
                outside.map {
                    Problem.Field(
                        "/body/compose", "the file reads “\($0)”, which lies outside the app's folder",
                        remedy: "Put it beside the Compose file and name it from there, or allow it: "
                            + "x-lab: {allow: [host-paths]}")
                })
        }
        try folder.write(files, compose: text.text)
        let names = try await secrets.names(for: text, of: name)
        let document: JSONValue
        do {
            document = try await compose.render(
                .init(
                    name: settings.project(of: name), directory: folder.project,
                    file: folder.project + "/compose.yaml"),
                variables: SecretPlaceholder.environment(of: names).merging(
                    settings.variables(of: host)
                ) { own, _ in own })
        } catch ComposeFault.refused(let words) {
            throw Problem.invalid(
                "/body/compose", "Compose refuses the file: \(words)",
                remedy: "Mend it until “docker compose config” accepts it")
        } catch let error as ServerError {
            throw Problem(
                .unprocessable, title: "UnsupportedByDriver",
                detail: "The provisioner cannot run docker compose: \(error)",
                remedy: "Install Docker with its Compose plugin where the provisioner runs")
        }
        let project = try ComposeProject(document)
        let refusals = project.refusals(in: folder.project, allowing: allowed)
        guard refusals.isEmpty else { throw Problem.invalid(refusals) }
        let moved = JSONText(
            trusted: try JSONText(encoding: document).text.replacing(
                folder.project, with: settings.folder(of: name).project))
        return try ComposeProject(try moved.decode(JSONValue.self))
    }

    /// Refuses an app that the machine has too little memory for. One with fewer cores is only slower; an engine that
    /// does not answer is no reason to refuse.
    private func checkMachine(_ needs: LabBlock.Requirements) async throws {
        guard let memory = needs.memory, let machine = try? await engine.machine() else { return }
        // The system keeps a part of what was bought for itself.
        guard memory > machine.memory / 7 * 8 else { return }
        throw Problem.invalid(
            "/body/compose",
            "x-lab.requirements.memory is \(memory >> 20) MiB, and the machine has \(machine.memory >> 20) MiB",
            remedy: "Run it on a larger machine, or lower x-lab.requirements.memory")
    }

    private func complete(_ spec: AppSpec, _ block: LabBlock, _ names: LabNames) throws -> AppSpec {
        var spec = spec
        func text<Text: ValidatedText>(_ present: Text?, _ given: String?, _ key: String) throws -> Text? {
            guard present == nil, let given else { return present }
            do {
                return try Text(given)
            } catch {
                throw Problem.invalid("/body/compose", "x-lab.\(key): \(error.detail)", remedy: error.remedy)
            }
        }
        spec.title = try text(spec.title, block.title, "title")
        spec.summary = try text(spec.summary, block.summary, "summary")
        spec.category = try text(spec.category, block.category, "category")
        spec.notes = try text(spec.notes, block.notes, "notes")
        spec.healthPath = try text(spec.healthPath, block.expose.path, "expose.path")
        let host = block.expose.host.map { $0.contains(".") ? $0 : "\($0).\(names.domain)" }
        spec.host = try text(spec.host, host, "expose.host")
        spec.access = spec.access ?? block.access.flatMap { AppAccess(rawValue: $0) }
        spec.drift = spec.drift ?? block.drift.flatMap { DriftPolicy(rawValue: $0) }
        return spec
    }
}
