/// What a registry answered to a pull, in words that say what to do. The engine passes on no status, only sentences; the
/// codes in them are those of the OCI distribution specification, version 1.1, section “Error codes”.
struct RegistryAnswer: Sendable, Hashable {
    let detail: String
    let remedy: String

    init(to image: ImageReference, _ fault: DockerFault) {
        let words = fault.message
        let registry = image.registry ?? "the registry of Docker, Docker Hub,"
        let login = image.registry.map { "docker login \($0)" } ?? "docker login"
        func has(_ phrases: String...) -> Bool { phrases.contains { words.lowercased().contains($0) } }
        if has("no basic auth", "unauthorized", "authentication required", "incorrect username") {
            detail = "\(registry) asks for a login (401): \(words)"
            remedy =
                "Run “\(login)” on the machine and as the user of the provisioner, and try again; where that runs in a "
                + "container, give it the login with LAB_DOCKER_CONFIG (docs/guides/platform.md)"
        } else if has("toomanyrequests", "too many requests") {
            detail = "\(registry) was asked too often (429): \(words)"
            remedy = "Wait until its limit is over; “\(login)” on the machine of the provisioner often allows more"
        } else if has("unexpected http status: 5", "service unavailable", "internal server error", "bad gateway") {
            detail = "\(registry) has a fault of its own (\(Self.status(in: words))): \(words)"
            remedy = "Try again later"
        } else if has("denied") {
            detail = "\(registry) does not give it (403): \(words)"
            remedy =
                "See whether the name is right, and whether the account of “\(login)” on the machine of the "
                + "provisioner may read it"
        } else if has("manifest unknown", "not found", "name unknown") {
            detail = "\(registry) does not have it (404): \(words)"
            remedy =
                "See whether the name and the tag are right; an image that is made on this machine has "
                + "“pull_policy: never”"
        } else if case .unavailable = fault {
            detail = words
            remedy = "Start the engine: systemctl start docker"
        } else {
            detail = "\(registry) cannot be asked: \(words)"
            remedy =
                "See whether the name is right, and whether its registry can be reached from this machine; an image "
                + "that is made on this machine has “pull_policy: never”"
        }
    }

    /// The status that a sentence names, such as `503 Service Unavailable`.
    private static func status(in words: String) -> String {
        words.split(separator: " ").first { $0.count == 3 && $0.first == "5" && Int($0) != nil }.map(String.init)
            ?? "500"
    }
}

extension ImageReference {
    /// The registry's host and port; nil of an image of Docker Hub. The first part of a name is one where it could not be
    /// a person's name there (https://github.com/distribution/reference).
    var registry: String? {
        guard let slash = repository.firstIndex(of: "/") else { return nil }
        let first = repository[..<slash]
        let isHost = first.contains(".") || first.contains(":") || first == "localhost"
        return isHost && first != "docker.io" && first != "index.docker.io" ? String(first) : nil
    }
}
