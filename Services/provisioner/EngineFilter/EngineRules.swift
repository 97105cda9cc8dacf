/// What the provisioner, and Compose on its behalf, may ask the Docker engine for; the rest is refused.
///
/// Whoever may start containers can take the machine over, so this is a fence and no wall: it keeps a fault or a confusion
/// away from the engine's own settings, from swarms, plugins, commits and from wholesale deletions. The paths are those of
/// the Docker Engine API v1.41 (https://docs.docker.com/reference/api/engine/version/v1.41/).
enum EngineRules {
    /// Whether a request is let through.
    ///
    /// - Parameter path: without its version and its query.
    static func allow(_ method: String, _ path: String) -> Bool {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        guard path.hasPrefix("/"), !segments.contains(where: { ["", ".", ".."].contains($0) }),
            path.utf8.allSatisfy(isPlain)
        else { return false }
        switch (method, segments.first, segments.count) {
        case ("GET", "_ping", 1), ("HEAD", "_ping", 1), ("GET", "version", 1), ("GET", "info", 1), ("GET", "events", 1):
            return true
        case ("GET", "containers", 2): return segments[1] == "json"
        case ("GET", "containers", 3): return ["json", "logs", "stats", "top"].contains(segments[2])
        case ("POST", "containers", 2): return segments[1] == "create"
        case ("POST", "containers", 3):
            return ["start", "stop", "restart", "kill", "pause", "unpause", "wait", "rename", "exec", "resize"]
                .contains(
                    segments[2])
        case ("DELETE", "containers", 2): return true
        // Compose hands over secrets and configs as files in an archive.
        case ("PUT", "containers", 3), ("HEAD", "containers", 3): return segments[2] == "archive"
        case ("GET", "exec", 3): return segments[2] == "json"
        case ("POST", "exec", 3): return ["start", "resize"].contains(segments[2])
        case ("GET", "networks", 1), ("GET", "volumes", 1), ("GET", "networks", 2), ("GET", "volumes", 2),
            ("DELETE", "networks", 2), ("DELETE", "volumes", 2):
            return true
        case ("POST", "networks", 2), ("POST", "volumes", 2): return segments[1] == "create"
        case ("POST", "networks", 3): return ["connect", "disconnect"].contains(segments[2])
        // The name of an image has slashes in it.
        case ("GET", "images", 2): return segments[1] == "json"
        case ("GET", "images", 3...), ("GET", "distribution", 3...): return segments.last == "json"
        case ("POST", "images", 2): return segments[1] == "create"
        case ("POST", "images", 3...): return segments.last == "tag"
        case ("DELETE", "images", 2...): return true
        case ("POST", "build", 1): return true
        default: return becomesAnotherProtocol(method, path)
        }
    }

    /// What the engine always answers with another protocol on the same connection, by which BuildKit builds.
    static func becomesAnotherProtocol(_ method: String, _ path: String) -> Bool {
        method == "POST" && ["/session", "/grpc"].contains(path)
    }

    /// The characters of names, digests and versions. An escape would be read by the engine after it was looked at here.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "/._-:@+".utf8.contains(byte)
        }
    }
}
