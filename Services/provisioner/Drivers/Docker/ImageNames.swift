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
        "\(repository)/\(Self.component(service)):\(id.drop { $0 != ":" }.dropFirst().prefix(16))"
    }

    /// A service may be called what no part of an image's name may be: `DB`, `web_`. Two that become the same are still
    /// told apart by their content (https://github.com/distribution/reference, `path-component`).
    private static func component(_ service: String) -> String {
        let letters = service.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        let trimmed = letters.drop { $0 == "-" }.reversed().drop { $0 == "-" }.reversed()
        return trimmed.isEmpty ? "service" : String(trimmed)
    }

    /// All names that some releases need.
    func names(of releases: [Release]) -> Set<String> {
        Set(releases.flatMap { $0.images.map { name(of: $0.value.id, $0.key) } })
    }
}
