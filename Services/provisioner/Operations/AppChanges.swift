import LabCore
import LabService
import LabState

/// What is asked of an app that is declared already: each changes its declaration, so that it stays so.
extension App {
    /// Declares an app anew with a change.
    ///
    /// - Throws: a problem of the title `UnsupportedByDriver` where its runtime has nothing to do with that.
    static func change(
        _ name: ResourceName, needing capability: RuntimeCapability, to what: String, _ call: OperationCall,
        _ body: (inout AppSpec) throws -> Void
    ) async throws -> ResourceDocument<AppSpec> {
        let app = try await AppInput(name: name).app(call)
        let runtime = try Runtimes(call.lab)[app.spec.effectiveRuntime]
        guard runtime.capabilities.contains(capability) else {
            throw runtime.unsupported("\(what) App \(name)", remedy: "Do it where the app runs")
        }
        var spec = app.spec
        try body(&spec)
        try await call.lab.store.declare(
            Declaration(app.key, spec: spec, expectedGeneration: app.generation),
            telling: [NewEvent("app.declared", about: app.key, payload: ["by": .string(call.caller.name)])])
        return try await call.lab.store.document(App.self, name)
    }
}

/// `POST /v1/apps/{name}/stop`
struct StopApp: Operation {
    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.stop", "Stops an app in containers; it stays declared, and keeps its data.", safety: .act, .post,
            "/v1/apps/{name}/stop", phrases: ["stop {name}"])
    }

    func run(_ input: AppInput, _ call: OperationCall) async throws -> ResourceDocument<AppSpec> {
        try await App.change(input.name, needing: .lifecycle, to: "stop", call) { $0.stopped = true }
    }
}

/// `POST /v1/apps/{name}/start`
struct StartApp: Operation {
    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.start", "Starts an app that was stopped.", safety: .act, .post, "/v1/apps/{name}/start",
            phrases: ["start {name}"])
    }

    func run(_ input: AppInput, _ call: OperationCall) async throws -> ResourceDocument<AppSpec> {
        try await App.change(input.name, needing: .lifecycle, to: "start", call) { $0.stopped = nil }
    }
}

/// `POST /v1/apps/{name}/erase`
struct EraseApp: Operation {
    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.erase", "Removes an app in containers with its volumes and its folder.", safety: .destructive, .post,
            "/v1/apps/{name}/erase", successStatus: 202)
    }

    func run(_ input: AppInput, _ call: OperationCall) async throws -> ResourceDocument<AppSpec> {
        _ = try await App.change(input.name, needing: .lifecycle, to: "erase", call) { $0.volumes = .remove }
        return try await DeleteResource<App>().run(NameInput(name: input.name), call)
    }
}

/// `POST /v1/apps/{name}/rollback`
struct RollBackApp: Operation {
    struct Input: Codable, Sendable {
        struct Body: Codable, Sendable {
            let release: Int?
            let message: AppMessage?
        }

        let name: ResourceName
        let body: Body
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.rollback", "Goes back to a release of an app: its Compose file, and its images by content.",
            safety: .act, .post, "/v1/apps/{name}/rollback", phrases: ["roll {name} back"],
            fields: [
                "body/release": "Its number. Default: the one that ran before.",
                "body/message": "Why, in one line; the release says it.",
            ])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> ResourceDocument<AppSpec> {
        let name = try App.appName(input.name)
        let releases = ReleaseStore(postgres: call.lab.store.postgres)
        let wanted: Release
        if let number = input.body.release {
            guard let found = try await releases.release(number, of: name) else {
                throw Problem.invalid(
                    "/body/release", "App \(name) has no release \(number)",
                    remedy: "See which there are with GET /v1/apps/\(name)/releases")
            }
            wanted = found
        } else {
            guard let found = try await releases.releases(of: name).rollbackTarget else {
                throw Problem.conflict("App \(name) has no release that ran before", remedy: "Deploy it anew")
            }
            wanted = found
        }
        return try await App.change(input.name, needing: .releases, to: "roll back", call) { spec in
            spec.compose = try ComposeText(wanted.compose)
            spec.files = wanted.files.isEmpty ? nil : wanted.files
            spec.release = wanted.number
            spec.stopped = nil
            spec.actor = call.caller.name
            spec.message = input.body.message
        }
    }
}
