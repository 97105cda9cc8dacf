import FoundationEssentials
import LabCore

/// Gives `body` a new directory and removes it afterwards, whatever happens. The path is short, since Unix sockets
/// with their 107 bytes lie in it, and other users may pass through, since servers run as their own users.
public func withTemporaryDirectory<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: (_ path: String) async throws -> Result
) async throws -> Result {
    let path = AbandonedDirectories.newPath()
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
