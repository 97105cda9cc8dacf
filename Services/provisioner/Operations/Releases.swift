import FoundationEssentials
import LabCore
import LabService
import LabState

/// A release as it is answered.
struct ReleaseSummary: Codable, Sendable {
    let number: Int
    let status: String
    let reason: String
    /// Whether it did not come up and was left standing for inspection.
    let isLeftStanding: Bool
    /// Of each service, the image's name and what it meant.
    let images: [String: Release.Image]
    let copyOf: Int?
    /// Who made it, and why; empty where nobody said so.
    let actor: String
    let message: String
    let createdAt: Date

    init(_ release: Release) {
        number = release.number
        status = release.status.rawValue
        reason = release.reason
        isLeftStanding = release.isLeftStanding
        images = release.images
        copyOf = release.copyOf
        actor = release.actor
        message = release.message
        createdAt = release.createdAt
    }
}

/// `GET /v1/apps/{name}/releases`
struct ListReleases: Operation {
    struct Output: Codable, Sendable {
        let items: [ReleaseSummary]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "release.list", "What was run of an app in containers, newest first.", safety: .read, .get,
            "/v1/apps/{name}/releases", phrases: ["which releases of {name} are there?"])
    }

    func run(_ input: AppInput, _ call: OperationCall) async throws -> Output {
        let name = try App.appName(try await input.app(call).name)
        return Output(
            items: try await ReleaseStore(postgres: call.lab.store.postgres).releases(of: name).map(ReleaseSummary.init)
        )
    }
}

/// `GET /v1/apps/{name}/releases/{number}`
struct GetRelease: Operation {
    struct Input: Codable, Sendable {
        let name: ResourceName
        let number: Int
    }

    struct Output: Codable, Sendable {
        let release: ReleaseSummary
        let compose: String
        let files: [String]
        /// What Compose was given.
        let document: JSONValue
        /// The end of what containers that failed had written.
        let log: String
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "release.get", "Shows a release: its Compose file, what was run of it, and what failing containers wrote.",
            safety: .read, .get, "/v1/apps/{name}/releases/{number}", fields: ["number": "Counted from 1 for each app."]
        )
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let name = try App.appName(try await AppInput(name: input.name).app(call).name)
        let releases = ReleaseStore(postgres: call.lab.store.postgres)
        guard let release = try await releases.release(input.number, of: name) else {
            throw Problem.notFound(
                "Release \(input.number) of App \(name)", remedy: "List them with GET /v1/apps/\(name)/releases")
        }
        return Output(
            release: ReleaseSummary(release), compose: release.compose, files: release.files.keys.sorted(),
            document: try release.document.decode(JSONValue.self), log: release.log)
    }
}
