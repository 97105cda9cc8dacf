import LabCore
import LabService
import LabState

/// `POST /v1/apps/{name}/restart`
struct RestartApp: Operation {
    struct Output: Codable, Sendable {
        let name: ResourceName
        let runtime: RuntimeName
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.restart", "Restarts an app, where its runtime can.", safety: .act, .post, "/v1/apps/{name}/restart",
            phrases: ["restart {name}"])
    }

    func run(_ input: AppInput, _ call: OperationCall) async throws -> Output {
        let app = try await input.app(call)
        let name = app.spec.runtime ?? .native
        try await Runtimes(http: call.lab.http)[name].restart(
            RunnableApp(
                name: try App.appName(app.name), upstream: app.spec.upstream, healthPath: app.spec.healthPath))
        try await call.lab.store.tell([
            NewEvent("app.restarted", about: app.key, payload: ["by": .string(call.caller.name)])
        ])
        try await call.lab.store.wake([app.key])
        return Output(name: app.name, runtime: name)
    }
}

/// The name of an app in the path.
struct AppInput: Codable, Sendable {
    let name: ResourceName

    func app(_ call: OperationCall) async throws -> Resource<AppSpec> {
        guard let app = try await call.lab.store.resource(App.self, name) else {
            throw Problem.notFound("App \(name)", remedy: "List what is declared with GET /v1/apps")
        }
        return app
    }
}
