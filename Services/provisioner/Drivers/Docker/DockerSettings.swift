import LabCore
import LabService

/// Where the Docker engine is, and where the apps that run on it have their folders.
struct DockerSettings: Sendable {
    let socket: String
    /// The folder that has a folder for each app; in a container it must have the same path on the host.
    let appsDirectory: String
    /// What the names of the lab's Compose projects begin with.
    let projectPrefix: String
    /// How long an app may take until it is healthy, in seconds.
    let healthTimeout: Duration
    /// How many of an app's newest releases are kept.
    let releasesKept: Int
    /// The keys that the secrets of apps are sealed with.
    let sealingKeyFile: String

    /// The network that the proxy finds apps in, where both are containers; nil where it finds them at ports of the
    /// loopback interface.
    let network: String?
    let domain: Hostname

    /// From `LAB_DOCKER_SOCKET`, `LAB_APPS_DIR`, `LAB_DOCKER_PREFIX`, `LAB_DOCKER_HEALTH_SECONDS`, `LAB_DOCKER_NETWORK`,
    /// `LAB_RELEASES_KEPT`, `LAB_DOMAIN`
    /// and `LAB_SEALING_KEY_FILE`.
    init(_ settings: LabSettings) throws {
        socket = settings["LAB_DOCKER_SOCKET"] ?? "/var/run/docker.sock"
        appsDirectory = settings["LAB_APPS_DIR"] ?? "/var/lib/homelab/apps"
        sealingKeyFile = settings["LAB_SEALING_KEY_FILE"] ?? "/var/lib/lab/sealing.key"
        projectPrefix = settings["LAB_DOCKER_PREFIX"] ?? "lab-"
        domain = try settings.domain
        network = settings["LAB_DOCKER_NETWORK"]
        healthTimeout = .seconds(try settings.integer("LAB_DOCKER_HEALTH_SECONDS", in: 5...3600, default: 180))
        releasesKept = try settings.integer("LAB_RELEASES_KEPT", in: 1...100, default: 10)
        for (key, path) in [("LAB_DOCKER_SOCKET", socket), ("LAB_APPS_DIR", appsDirectory)] where !path.hasPrefix("/") {
            throw SettingError(
                key: key, detail: "is “\(path)”, which is not an absolute path",
                remedy: "Give a path that begins with “/”")
        }
        let letters = projectPrefix.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        }
        guard letters, projectPrefix.first?.isLetter == true else {
            throw SettingError(
                key: "LAB_DOCKER_PREFIX", detail: "is “\(projectPrefix)”",
                remedy: "Use lower-case letters, digits, “-” and “_”, beginning with a letter")
        }
    }

    func defaultHost(of app: AppName) throws -> Hostname { try Hostname("\(app).\(domain)") }

    /// What a Compose file is filled in with besides its secrets: the host under which people reach the app, and the
    /// lab's domain.
    func variables(of host: Hostname) -> [String: String] {
        ["LAB_HOST": host.text, "LAB_DOMAIN": domain.text]
    }

    /// What an app is called in the lab's network: `app-notes`. No service of the platform is called so.
    func alias(of app: AppName) -> String { "app-\(app)" }

    /// Where the proxy finds a release; nil where it is not to.
    func upstream(of release: Release) throws -> UpstreamURL? {
        guard !release.service.isEmpty else { return nil }
        let host =
            network == nil ? "127.0.0.1" : release.usesHostNetwork ? "host.docker.internal" : alias(of: release.app)
        return try UpstreamURL("\(release.scheme)://\(host):\(release.port)")
    }

    func project(of app: AppName) -> String { projectPrefix + app.text }
    func folder(of app: AppName) -> ProjectFolder { ProjectFolder(path: "\(appsDirectory)/\(app)") }
    /// The repository of the names that keep an app's images: `lab.local/lab-notes/web`.
    func repository(of app: AppName) -> String { "lab.local/\(project(of: app))" }
}
