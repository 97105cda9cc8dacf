import LabCore
import LabService
import LabState

/// `GET /v1/apps/{name}/page`
struct GetAppPage: Operation {
    struct Output: Codable, Sendable {
        let name: ResourceName
        /// The page's path below the docs directory.
        let path: String
        let markdown: String
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "docs.page", "The docs page of an app, as Markdown.", safety: .read, .get, "/v1/apps/{name}/page",
            phrases: ["what is {name}?", "show the page of {name}"])
    }

    func run(_ input: AppInput, _ call: OperationCall) async throws -> Output {
        let page = PagePath.app(try App.appName(try await input.app(call).name))
        let store = try PageStore(call.lab.settings)
        guard let markdown = try await store.read(page) else {
            throw Problem.notFound(
                "The page of App \(input.name)", remedy: "It is written once the app is online; see its conditions")
        }
        return Output(name: input.name, path: page.relative, markdown: markdown)
    }
}
