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
        let name = try await Runtimes(call.lab).restart(app, by: call.caller.name, call.lab)
        return Output(name: app.name, runtime: name)
    }
}

extension Runtimes {
    /// Restarts an app, tells so, and has it looked at.
    ///
    /// - Returns: what runs it.
    /// - Throws: a problem of the title `UnsupportedByDriver` where its runtime cannot.
    @discardableResult
    func restart(_ app: Resource<AppSpec>, by person: String, _ lab: LabContext) async throws -> RuntimeName {
        let name = app.spec.effectiveRuntime
        guard let runnable = RunnableApp(try App.appName(app.name), app.spec) else {
            throw Problem(
                .unprocessable, title: "Nothing to run", detail: "App \(app.name) has neither upstream nor Compose file"
            )
        }
        let runtime = self[name]
        if runtime.capabilities.contains(.lifecycle) {
            try await runtime.restart(runnable, whenFree: lab)
        } else {
            try await runtime.restart(runnable)
        }
        try await lab.store.tell([NewEvent("app.restarted", about: app.key, payload: ["by": .string(person)])])
        try await lab.store.wake([app.key])
        return name
    }
}

extension Runtime {
    /// Restarts an app between two looks at it: amid a deployment a restart would make the new release look like one that
    /// does not come up.
    ///
    /// - Throws: a problem of the title `AppBusy` when a deployment goes on.
    fileprivate func restart(_ app: RunnableApp, whenFree lab: LabContext) async throws {
        // Another holder than the one who looks at apps, though it is the same process.
        let lease = Lease(
            "app/\(app.name)", holder: "\(lab.replica)/restart", postgres: lab.store.postgres, logger: lab.logger)
        // A look takes a moment; a deployment may take minutes.
        for _ in 0..<50 {
            if try await lease.ifFree({ try await restart(app) }) != nil { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Problem(
            .conflict, title: "AppBusy", detail: "App \(app.name) is being deployed",
            remedy: "Restart it when that is done: lab status \(app.name)")
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
