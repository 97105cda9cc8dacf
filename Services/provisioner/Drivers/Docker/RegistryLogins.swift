import FoundationEssentials
import LabCore
import LabServers
import LabState

/// The logins to registries that `docker login` keeps on this machine, for whom this program runs as: in `config.json` of
/// `DOCKER_CONFIG`, else of `~/.docker`, or with a credential helper that it names.
///
/// The engine itself knows none; each pull is given the one of its registry
/// (https://docs.docker.com/reference/api/engine/version/v1.41/#section/Authentication).
struct RegistryLogins: Sendable {
    private struct File: Decodable {
        struct Login: Decodable {
            /// Name and password with a colon between, in Base64.
            let auth: String?
            let identitytoken: String?
        }

        let auths: [String: Login]?
        let credsStore: String?
        let credHelpers: [String: String]?
    }

    /// What a helper answers (https://github.com/docker/docker-credential-helpers).
    private struct HelperAnswer: Decodable {
        let name: String
        let secret: String

        private enum CodingKeys: String, CodingKey {
            case name = "Username"
            case secret = "Secret"
        }
    }

    /// What Docker Hub is called there.
    private static let hub = "https://index.docker.io/v1/"

    let path: String

    init(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
        let directory = environment["DOCKER_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        path = (directory ?? (environment["HOME"] ?? "/root") + "/.docker") + "/config.json"
    }

    /// The value of `X-Registry-Auth`; nil where nobody has logged in, or what stands there cannot be read.
    ///
    /// - Parameter registry: its host and port; nil for Docker Hub.
    func header(for registry: String?) async throws -> String? {
        guard let data = FileManager.default.contents(atPath: path),
            let file = try? JSONText(trusted: String(decoding: data, as: UTF8.self)).decode(File.self)
        else { return nil }
        let key = registry ?? Self.hub
        if let helper = file.credHelpers?[key] ?? file.credsStore {
            return try await answer(of: helper, for: key)
        }
        guard let login = file.auths?[key] ?? file.auths?["https://\(key)"] else { return nil }
        if let token = login.identitytoken, !token.isEmpty {
            return Self.header(["identitytoken": token, "serveraddress": key])
        }
        guard let text = login.auth, let bytes = Data(base64Encoded: text) else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        return Self.header(["username": String(parts[0]), "password": String(parts[1]), "serveraddress": key])
    }

    private func answer(of helper: String, for key: String) async throws -> String? {
        let isName = helper.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "/") && $0 != 0x7F }
        guard isName,
            let result = try? await Program.run(
                "docker-credential-\(helper)", ["get"], input: key, timeout: .seconds(20)),
            result.status.isSuccess,
            let answer = try? JSONText(trusted: result.standardOutput).decode(HelperAnswer.self)
        else {
            try Task.checkCancellation()
            return nil
        }
        // So helpers say that it is a token and no password.
        return answer.name == "<token>"
            ? Self.header(["identitytoken": answer.secret, "serveraddress": key])
            : Self.header(["username": answer.name, "password": answer.secret, "serveraddress": key])
    }

    /// JSON in Base64 for URLs (RFC 4648, section 5), with its padding.
    private static func header(_ members: [String: String]) -> String? {
        guard let text = try? JSONText(encoding: members).text else { return nil }
        return Data(text.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }
}
