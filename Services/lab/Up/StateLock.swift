import Foundation

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

    deinit {
        close(descriptor)
    }
}
