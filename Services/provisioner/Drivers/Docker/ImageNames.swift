import LabCore

/// The second names of an app's images, which say their content and keep them for as long as a release needs them.
struct ImageNames: Sendable {
    /// The repository that all of them are below: `lab.local/lab-notes`.
    let repository: String

    init(_ settings: DockerSettings, of app: AppName) {
        repository = settings.repository(of: app)
    }

    /// What all of them begin with.
    var prefix: String { repository + "/" }

    /// - Parameter id: the image by its content, `sha256:…`.
    func name(of id: String, _ service: String) -> String {
        "\(repository)/\(service):\(id.drop { $0 != ":" }.dropFirst().prefix(16))"
    }

    /// All names that some releases need.
    func names(of releases: [Release]) -> Set<String> {
        Set(releases.flatMap { $0.images.map { name(of: $0.value.id, $0.key) } })
    }
}
