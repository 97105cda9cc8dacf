import FoundationEssentials
import Glibc
import Synchronization

/// The folders that Compose files are checked in, beside those of the apps. A process that is killed leaves its own
/// behind; whoever comes next takes them away.
struct CheckFolders: Sendable {
    private static let prefix = ".check-"
    /// Those of this process that are in use.
    private static let inUse = Mutex<Set<String>>([])

    /// The folder of all apps.
    let directory: String

    /// Runs `body` with a folder that is there for as long as that takes.
    func with<Value>(_ body: (ProjectFolder) async throws -> Value) async throws -> Value {
        let name = "\(Self.prefix)\(getpid())-\(UUID().uuidString)"
        Self.inUse.withLock { _ = $0.insert(name) }
        let folder = ProjectFolder(path: "\(directory)/\(name)")
        defer {
            try? folder.remove()
            Self.inUse.withLock { _ = $0.remove(name) }
        }
        return try await body(folder)
    }

    /// Removes what processes left that are no more.
    func removeLeftovers() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] where isLeftover(name) {
            try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
    }

    private func isLeftover(_ name: String) -> Bool {
        guard name.hasPrefix(Self.prefix) else { return false }
        guard let owner = pid_t(name.dropFirst(Self.prefix.count).prefix { $0 != "-" }) else { return true }
        // After a start in a container this process often has the number of the one before.
        if owner == getpid() { return !Self.inUse.withLock { $0.contains(name) } }
        return kill(owner, 0) != 0 && errno == ESRCH
    }
}
