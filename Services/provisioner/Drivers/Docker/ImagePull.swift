import LabCore
import LabService

extension DockerRuntime {
    /// Brings an image from its registry, whether the engine has one of the name or not.
    ///
    /// - Throws: a problem of the title `ImageNotPulled`, with what the registry said.
    func pull(
        _ reference: String, of service: ComposeProject.Service, telling progress: @Sendable (RuntimeProgress) -> Void
    ) async throws {
        progress(RuntimeProgress("Pulling", "The image \(reference) of the service “\(service.name)” is pulled"))
        do {
            try await engine.pull(reference, for: service.platform) { now in
                let megabytes = "\(now.done / 1_000_000) of \(now.total / 1_000_000) MB"
                progress(
                    RuntimeProgress(
                        "Pulling", "\(reference): \(now.finishedLayers) of \(now.layers) layers, \(megabytes)"))
            }
        } catch let fault as DockerFault {
            let answer = RegistryAnswer(to: ImageReference(reference), fault)
            throw Problem(
                .unavailable, title: "ImageNotPulled",
                detail: "The image \(reference) of the service “\(service.name)” cannot be pulled: \(answer.detail)",
                remedy: answer.remedy)
        }
    }

    /// Brings the images of an app anew, and says what their names mean now. Those that are built, or have
    /// `pull_policy: never`, are taken as the engine has them. What runs is left as it is.
    ///
    /// - Throws: a problem of the title `ImageNotPulled`.
    func bringImages(_ spec: AppSpec, _ app: AppName) async throws -> [BroughtImage] {
        guard let project = try await project(of: spec, app) else { return [] }
        let present = try await releases.head(of: app).present
        var pulled: Set<String> = []
        var images: [BroughtImage] = []
        for service in project.services {
            let reference = project.imageReference(of: service, in: settings.project(of: app))
            if service.isPulled, pulled.insert(reference).inserted {
                try await pull(reference, of: service) { _ in }
            }
            guard let id = try await engine.imageID(of: reference) else {
                throw Problem(
                    .unavailable, title: "ImageNotPulled",
                    detail: "The engine has no image \(reference), and the service “\(service.name)” does not pull it",
                    remedy: service.isBuilt
                        ? "Deploy the app anew, which builds it" : "Make it on the machine, or leave pull_policy out")
            }
            images.append(
                BroughtImage(
                    service: service.name, reference: reference, before: present?.images[service.name]?.id, after: id))
        }
        return images
    }
}
