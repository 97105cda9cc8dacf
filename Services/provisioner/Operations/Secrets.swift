import FoundationEssentials
import LabCore
import LabCrypto
import LabService
import LabState

extension OperationCall {
    fileprivate func secrets() throws -> AppSecrets {
        AppSecrets(
            postgres: lab.store.postgres, keyFile: SealingKeyFile(path: try DockerSettings(lab.settings).sealingKeyFile)
        )
    }
}

/// `GET /v1/apps/{name}/secrets`
struct ListSecrets: Operation {
    struct Item: Codable, Sendable {
        let name: String
        let rotatedAt: Date
    }

    struct Output: Codable, Sendable {
        let items: [Item]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "secret.list", "The secrets of an app, without their values.", safety: .read, .get,
            "/v1/apps/{name}/secrets")
    }

    func run(_ input: AppInput, _ call: OperationCall) async throws -> Output {
        let name = try App.appName(try await input.app(call).name)
        return Output(
            items: try await call.secrets().entries(of: name).map { Item(name: $0.name, rotatedAt: $0.rotatedAt) })
    }
}

/// The name of an app and of one of its secrets, in the path.
struct SecretInput: Codable, Sendable {
    let name: ResourceName
    let secret: String

    func missing() -> Problem {
        .notFound(
            "The secret \(secret.prefix(80)) of App \(name)", remedy: "List them with GET /v1/apps/\(name)/secrets")
    }
}

/// `POST /v1/apps/{name}/secrets/{secret}/reveal`
struct RevealSecret: Operation {
    struct Output: Codable, Sendable {
        let name: String
        let value: String
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "secret.reveal", "Shows a secret of an app to its owner; that is audited.", safety: .act, .post,
            "/v1/apps/{name}/secrets/{secret}/reveal", scope: .admin,
            fields: ["secret": "Its name, as in the block x-lab."])
    }

    func run(_ input: SecretInput, _ call: OperationCall) async throws -> Output {
        let name = try App.appName(try await AppInput(name: input.name).app(call).name)
        guard let value = try await call.secrets().values(of: name)[input.secret] else { throw input.missing() }
        return Output(name: input.secret, value: value.reveal())
    }
}

/// `POST /v1/apps/{name}/secrets/{secret}/rotate`
struct RotateSecret: Operation {
    var declaration: OperationDeclaration {
        OperationDeclaration(
            "secret.rotate", "Makes a secret of an app anew, and starts the containers that use it again.",
            safety: .act,
            .post, "/v1/apps/{name}/secrets/{secret}/rotate", scope: .admin,
            fields: ["secret": "Its name, as in the block x-lab."])
    }

    func run(_ input: SecretInput, _ call: OperationCall) async throws -> ResourceDocument<AppSpec> {
        let name = try App.appName(try await AppInput(name: input.name).app(call).name)
        guard try await call.secrets().rotate(input.secret, of: name) else { throw input.missing() }
        return try await App.useSecrets(input.name, call)
    }
}

/// `PUT /v1/apps/{name}/secrets/{secret}`
struct SetSecret: Operation {
    struct Input: Codable, Sendable {
        struct Body: Codable, Sendable {
            let value: String
        }

        let name: AppName
        let secret: SecretName
        let body: Body
    }

    struct Output: Codable, Sendable {
        let name: String
        /// Of the app's declaration, which the secret is part of from then on; nil when the app is not declared yet.
        let generation: Int64?
    }

    private static let maximumBytes = 65_536

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "secret.set",
            "Gives a secret of an app its value, also before the app is declared, and starts the containers that use it "
                + "again.",
            safety: .act, .put, "/v1/apps/{name}/secrets/{secret}", scope: .admin,
            fields: [
                "secret": "The variable in the Compose file, whether the block x-lab speaks of it or not.",
                "body/value": "1 to 65,536 bytes, without a NUL.",
            ])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let value = input.body.value
        guard !value.isEmpty, value.utf8.count <= Self.maximumBytes, !value.utf8.contains(0) else {
            throw Problem.invalid(
                "/body/value", "it is empty, has a NUL or more than \(Self.maximumBytes) bytes",
                remedy: "Give 1 to \(Self.maximumBytes) bytes of text")
        }
        try await call.secrets().set(input.secret, to: Secret(value), of: input.name)
        let name = ResourceName(input.name)
        guard let app = try await call.lab.store.resource(App.self, name), app.spec.effectiveRuntime == .docker else {
            return Output(name: input.secret.text, generation: nil)
        }
        return Output(name: input.secret.text, generation: try await App.useSecrets(name, call).generation)
    }
}

/// `DELETE /v1/apps/{name}/secrets/{secret}`
struct RemoveSecret: Operation {
    struct Output: Codable, Sendable {
        let name: String
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "secret.remove",
            "Forgets a secret that no release of the app is filled in with.",
            safety: .destructive, .delete, "/v1/apps/{name}/secrets/{secret}", scope: .admin,
            fields: ["secret": "Its name."])
    }

    func run(_ input: SecretInput, _ call: OperationCall) async throws -> Output {
        let app = try App.appName(input.name)
        let releases = try await ReleaseStore(postgres: call.lab.store.postgres).releases(of: app)
        if let user = releases.first(where: { SecretPlaceholder.isUsed(input.secret, in: $0.document.text) }) {
            throw Problem.conflict(
                "Release \(user.number) of App \(app) is filled in with \(input.secret)",
                remedy: "Give it another value with PUT /v1/apps/\(app)/secrets/\(input.secret)")
        }
        guard try await call.secrets().remove(input.secret, of: app) else { throw input.missing() }
        return Output(name: input.secret)
    }
}

extension App {
    /// Has the containers started again that use a secret that is another one now.
    fileprivate static func useSecrets(
        _ name: ResourceName, _ call: OperationCall
    ) async throws -> ResourceDocument<AppSpec> {
        try await change(name, needing: .lifecycle, to: "change a secret of", call) {
            $0.rotation = ($0.rotation ?? 0) &+ 1
        }
    }
}
