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
        let name = try await Runtimes(call.lab).restart(app, by: call.caller.name, call.lab.store)
        return Output(name: app.name, runtime: name)
    }
}

extension Runtimes {
    /// Restarts an app, tells so, and has it looked at.
    ///
    /// - Returns: what runs it.
    /// - Throws: a problem of the title `UnsupportedByDriver` where its runtime cannot.
    @discardableResult
    func restart(_ app: Resource<AppSpec>, by person: String, _ store: ResourceStore) async throws -> RuntimeName {
        let name = app.spec.effectiveRuntime
        guard let runnable = RunnableApp(try App.appName(app.name), app.spec) else {
            throw Problem(
                .unprocessable, title: "Nothing to run", detail: "App \(app.name) has neither upstream nor Compose file"
            )
        }
        try await self[name].restart(runnable)
        try await store.tell([NewEvent("app.restarted", about: app.key, payload: ["by": .string(person)])])
        try await store.wake([app.key])
        return name
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
