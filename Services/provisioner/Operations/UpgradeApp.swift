import LabCore
import LabService
import LabState

/// `POST /v1/apps/{name}/upgrade`
struct UpgradeApp: Operation {
    struct Input: Codable, Sendable {
        struct Body: Codable, Sendable {
            let message: AppMessage?
        }

        let name: ResourceName
        let body: Body
    }

    struct Output: Codable, Sendable {
        let name: ResourceName
        /// Of the app's declaration: that of the new release where there is one.
        let generation: Int64
        /// Whether an image is another one than what runs, so that a release is made of it.
        let isChanged: Bool
        let images: [BroughtImage]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.upgrade",
            "Pulls the images of an app anew, and makes a release of it where a name means another image now.",
            safety: .act, .post, "/v1/apps/{name}/upgrade", phrases: ["upgrade {name}"],
            fields: ["body/message": "Why, in one line; the release says it. Default: which images are new."])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let docker = try await DockerApp(input.name, to: "upgrade", remedy: "Do it where the app runs", call)
        let app = docker.app
        guard app.spec.stopped != true else {
            throw Problem.conflict(
                "App \(app.name) is stopped", remedy: "Start it first with POST /v1/apps/\(app.name)/start")
        }
        let images = try await docker.runtime.bringImages(app.spec, docker.name)
        let changed = images.filter { $0.before != $0.after }
        guard !changed.isEmpty else {
            return Output(name: app.name, generation: app.generation, isChanged: false, images: images)
        }
        let names = Set(changed.map(\.reference)).sorted().joined(separator: ", ")
        let document = try await App.change(input.name, needing: .releases, to: "upgrade", call) { spec in
            spec.upgrade = (spec.upgrade ?? 0) &+ 1
            spec.release = nil
            spec.actor = call.caller.name
            spec.message = try input.body.message ?? AppMessage(String("upgrade of \(names)".prefix(300)))
        }
        return Output(name: app.name, generation: document.generation, isChanged: true, images: images)
    }
}

/// What an image's name means now, beside what runs.
struct BroughtImage: Codable, Sendable {
    let service: String
    let reference: String
    /// What runs of it, by content; nil when the service does not run.
    let before: String?
    let after: String
}
