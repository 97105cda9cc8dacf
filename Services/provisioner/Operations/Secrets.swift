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
            "secret.list", "The secrets that the lab made for an app, without their values.", safety: .read, .get,
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
        return try await App.change(input.name, needing: .lifecycle, to: "rotate a secret of", call) {
            $0.rotation = ($0.rotation ?? 0) &+ 1
        }
    }
}
