import FoundationEssentials
import LabKit

/// How the command line reaches the platform in containers: by the names that it has given to its services, on this
/// machine. It is written by `lab setup files`, for the folder `platform` of the state directory.
struct PlatformAddress: Codable, Sendable {
    let domain: Hostname
    /// The HTTPS port of this machine that leads to the proxy.
    let port: Int
    /// The port of this machine that leads to the resolver.
    let dnsPort: Int
    /// The port of this machine that leads to the broker.
    let mqttPort: Int
    /// The address of this machine that has these ports; nil where all have them.
    let bind: String?

    /// That address, or one that this machine always has.
    var local: String { bind ?? "127.0.0.1" }

    /// With what a URL puts around an address of IPv6.
    func local(port: Int) -> String { local.contains(":") ? "[\(local)]:\(port)" : "\(local):\(port)" }

    /// Where everything is, below a state directory.
    struct Files: Sendable {
        let folder: String

        init(_ directory: StateDirectory) { folder = directory.path + "/platform" }

        var address: String { folder + "/platform.json" }
        var adminToken: String { folder + "/admin.token" }
        var brokerPassword: String { folder + "/mqtt.password" }
        var docs: String { folder + "/docs" }
        /// Written by the proxy router once it has an authority.
        var authority: String { folder + "/public/ca.pem" }

        /// nil where no platform in containers was set up.
        func read() throws -> PlatformAddress? {
            guard FileManager.default.fileExists(atPath: address) else { return nil }
            guard let data = FileManager.default.contents(atPath: address) else {
                throw CommandFault("\(address) cannot be read", remedy: "Run as the user whom the clone belongs to")
            }
            return try JSONText(trusted: String(decoding: data, as: UTF8.self)).decode(PlatformAddress.self)
        }
    }

    /// The URL of the service that answers for a path: each has its own operations, and everything else is the same in
    /// all of them.
    func baseURL(for path: String) -> String {
        let segments = path.split(separator: "?").first?.split(separator: "/").prefix(2) ?? []
        let owner = labServices.first { service in
            service.operations.contains { $0.declaration.path.split(separator: "/").prefix(2).elementsEqual(segments) }
        }
        return url(of: "\(owner?.name ?? "provisioner").\(domain)")
    }

    /// Where people open what has this name.
    func url(of host: String) -> String { "https://\(host)\(port == 443 ? "" : ":\(port)")" }
}

/// How to reach the platform in containers: what `lab info --json` prints, in the words of ``LabInfo``.
struct PlatformInfo: Codable {
    let domain: String
    /// Where apps are declared; each of the other services answers for its own at its own name.
    let api: String
    let https: String
    let dns: String
    let mqtt: String
    let mqttUser: String
    let mqttPassword: String?
    let ca: String
    let tokenFile: String
    let docs: String
    let stateDir: String

    /// - Parameter directory: the state directory that the platform was set up for.
    init(_ address: PlatformAddress, _ directory: StateDirectory) {
        let files = PlatformAddress.Files(directory)
        domain = address.domain.text
        api = address.baseURL(for: "/v1/apps")
        https = "https://" + address.local(port: address.port)
        dns = address.local(port: address.dnsPort)
        mqtt = address.local(port: address.mqttPort)
        mqttUser = PlatformLayout.brokerPerson
        mqttPassword = FileManager.default.contents(atPath: files.brokerPassword)
            .map { String(decoding: $0, as: UTF8.self).trimmed }
        ca = files.authority
        tokenFile = files.adminToken
        docs = files.docs
        stateDir = files.folder
    }
}
