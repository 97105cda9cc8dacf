import LabCore
import LabState

extension DockerRuntime {
    /// The rendered Compose file of a declaration; nil where that has none.
    func project(of spec: AppSpec, _ app: AppName) async throws -> ComposeProject? {
        guard let text = spec.compose else { return nil }
        return try await ComposeCheck(settings, postgres: releases.postgres, logger: logger).project(
            text, files: spec.files ?? [:], name: app, host: try spec.host ?? settings.defaultHost(of: app),
            allowing: Set(spec.allow ?? []))
    }

    /// What declaring an app would change about its containers.
    func plan(_ spec: AppSpec, _ app: AppName) async throws -> [ReleasePlan.Step] {
        guard let text = spec.compose else { return [] }
        let names = try await secrets.names(for: text, of: app)
        guard let project = try await project(of: spec, app) else { return [] }
        let live = try await releases.head(of: app).present
        let imageNames = ImageNames(settings, of: app)
        var document = ReleaseDocument(project.document, app: app)
        var steps: [ReleasePlan.Step] = []
        for service in project.services {
            let reference = project.imageReference(of: service, in: settings.project(of: app))
            if let id = try await engine.imageID(of: reference) {
                document.pin(service.name, to: imageNames.name(of: id, service.name), named: reference)
            } else {
                steps.append(.init(.create, "image", reference, service.isBuilt ? "it is built" : "it is pulled"))
            }
        }
        try await limitCores(of: &document)
        let exposure = try project.exposure()
        if let exposure, settings.network == nil, !project.usesHostNetwork(exposure.service) {
            document.publish(exposure.service, exposure.port)
        }
        let wanted = JSONText(
            trusted: SecretPlaceholder.replace(names, in: try JSONText(encoding: document.value).text))
        let plan = ReleasePlan(
            try wanted.decode(JSONValue.self), instead: try live?.document.decode(JSONValue.self))
        return steps + plan.steps
    }

    /// Gives no service more cores than the machine has.
    func limitCores(of document: inout ReleaseDocument) async throws {
        // One there is always.
        guard !document.services(above: 1).isEmpty else { return }
        let cores = try await engine.machine().cores
        document.limit(document.services(above: Double(cores)), toCores: cores)
    }
}
