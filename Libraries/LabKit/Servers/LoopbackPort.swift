import Glibc
import Synchronization

/// TCP and UDP ports of 127.0.0.1.
public enum LoopbackPort {
    private static let given = Mutex<Set<Int>>([])

    /// A port that is free for TCP and UDP, and that this process was not given before.
    ///
    /// It comes from 10000 to 32000, below the range that the kernel takes ports of outgoing connections from
    /// (ip_local_port_range begins at 32768), so that no client can take it before the server listens.
    public static func free() -> Int {
        while true {
            let port = Int.random(in: 10_000..<32_000)
            let isNew = given.withLock { $0.insert(port).inserted }
            if isNew, isFree(port) { return port }
            // All 22,000 were given once: start over rather than never end.
            given.withLock { if $0.count >= 20_000 { $0 = [] } }
        }
    }

    /// Whether nothing has the port now, neither for TCP nor for UDP.
    public static func isFree(_ port: Int) -> Bool {
        isFreeForTCP(port) && isFreeForUDP(port)
    }

    static func isFreeForTCP(_ port: Int) -> Bool { canBind(port, SOCK_STREAM) }

    static func isFreeForUDP(_ port: Int) -> Bool { canBind(port, SOCK_DGRAM) }

    private static func canBind(_ port: Int, _ type: __socket_type) -> Bool {
        let descriptor = socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if type == SOCK_STREAM {
            // Connections of an earlier run in TIME_WAIT do not count, as they do not for the servers themselves.
            var yes: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        }
        // A port that may not be bound (below 1024) is not taken; the server itself says what is wrong.
        return LoopbackSocket.withAddress(port: port) { bind(descriptor, $0, $1) } == 0 || errno != EADDRINUSE
    }
}
