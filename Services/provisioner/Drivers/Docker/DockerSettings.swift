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

    /// From `LAB_DOCKER_SOCKET`, `LAB_APPS_DIR`, `LAB_DOCKER_PREFIX`, `LAB_DOCKER_HEALTH_SECONDS`, `LAB_RELEASES_KEPT`
    /// and `LAB_SEALING_KEY_FILE`.
    init(_ settings: LabSettings) throws {
        socket = settings["LAB_DOCKER_SOCKET"] ?? "/var/run/docker.sock"
        appsDirectory = settings["LAB_APPS_DIR"] ?? "/var/lib/homelab/apps"
        sealingKeyFile = settings["LAB_SEALING_KEY_FILE"] ?? "/var/lib/lab/sealing.key"
        projectPrefix = settings["LAB_DOCKER_PREFIX"] ?? "lab-"
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

    func project(of app: AppName) -> String { projectPrefix + app.text }
    func folder(of app: AppName) -> ProjectFolder { ProjectFolder(path: "\(appsDirectory)/\(app)") }
    /// The repository of the names that keep an app's images: `lab.local/lab-notes/web`.
    func repository(of app: AppName) -> String { "lab.local/\(project(of: app))" }
}
