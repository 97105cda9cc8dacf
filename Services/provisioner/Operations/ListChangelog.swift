import FoundationEssentials
import LabCore
import LabService
import LabState

/// `GET /v1/changelog`
struct ListChangelog: Operation {
    struct Input: Codable, Sendable {
        let limit: PageSize?
        let app: AppName?
    }

    struct Item: Codable, Sendable {
        let at: Date
        let type: String
        let kind: String
        let name: ResourceName
        let text: String
    }

    struct Output: Codable, Sendable {
        let items: [Item]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "changelog.list", "What was declared, came online, went offline and was removed, newest first.",
            safety: .read, .get, "/v1/changelog", phrases: ["what changed in the lab?", "what changed on {app}?"],
            fields: ["limit": "How many at the most.", "app": "Only of this app."])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let changes = try await ChangeLog(store: call.lab.store).latest(
            about: input.app.map { App.key(ResourceName($0)) }, limit: input.limit?.count ?? 100)
        return Output(
            items: changes.map {
                Item(at: $0.at, type: $0.type, kind: $0.subject.kind, name: $0.subject.name, text: $0.text)
            })
    }
}
