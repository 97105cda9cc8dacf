import Glibc

/// Keeps the other labs of this machine off a port, from before it is looked at until the process ends: also in the
/// moments in which the server behind it is being started anew.
///
/// The port is the name of an abstract Unix socket (unix(7)), which one process at a time can bind. Such names belong to
/// the same network namespace as the ports do, leave no file behind, and the kernel gives them up with the process.
final class PortReservation: Sendable {
    private let descriptor: Int32

    /// nil when another lab has it.
    init?(_ port: Int) {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The leading zero byte makes the name abstract; it ends with the address, so the length counts.
        let name = Array("\0homelab-port-\(port)".utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
        }
        guard isBound else {
            close(descriptor)
            return nil
        }
    }

    deinit {
        close(descriptor)
    }
}
