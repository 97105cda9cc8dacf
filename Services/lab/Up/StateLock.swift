import FoundationEssentials
import Glibc

/// Held by the one process that runs the lab of a state directory; the kernel lets go of it however that process ends.
final class StateLock: Sendable {
    private let descriptor: Int32

    /// nil when another process holds it.
    init?(_ path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFault(
                "\(path) cannot be opened: \(String(cString: strerror(errno)))",
                remedy: "Use a directory that you may write, with --state-dir")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    /// Waits a little for it: a process that was killed holds it until the kernel has taken that process apart.
    ///
    /// - Returns: nil when another process still holds it after `patience`.
    static func take(_ path: String, patience: Duration = .seconds(10)) async throws -> StateLock? {
        let deadline = ContinuousClock.now + patience
        while true {
            if let lock = try StateLock(path) { return lock }
            guard ContinuousClock.now < deadline else { return nil }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    deinit {
        close(descriptor)
    }
}
