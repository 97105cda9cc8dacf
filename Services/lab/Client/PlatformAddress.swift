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

    /// Where everything is, below a state directory.
    struct Files: Sendable {
        let folder: String

        init(_ directory: StateDirectory) { folder = directory.path + "/platform" }

        var address: String { folder + "/platform.json" }
        var adminToken: String { folder + "/admin.token" }
        /// Written by the proxy router once it has an authority.
        var authority: String { folder + "/public/ca.pem" }

        /// nil where no platform in containers was set up.
        func read() throws -> PlatformAddress? {
            guard let data = FileManager.default.contents(atPath: address) else { return nil }
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
        return "https://\(owner?.name ?? "provisioner").\(domain)\(port == 443 ? "" : ":\(port)")"
    }
}
