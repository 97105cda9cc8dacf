import Glibc

/// A non-blocking stream socket to a server on this machine, for readiness probes: connect, say a few bytes, read.
struct LoopbackSocket: ~Copyable {
    private let descriptor: Int32

    /// Begins to connect to 127.0.0.1; nil when that is refused at once.
    init?(port: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Self.flags, 0)
        guard descriptor >= 0 else { return nil }
        let connected = Self.withAddress(port: port) { connect(descriptor, $0, $1) }
        guard connected == 0 || errno == EINPROGRESS else { return nil }
    }

    /// Connects to a Unix socket.
    init?(path: String) {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Self.flags, 0)
        guard descriptor >= 0, UnixSocketPath.fits(path) else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A full backlog is EAGAIN here, and means that the server does not answer yet.
        guard connected == 0 else { return nil }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    private static let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

    /// Whether the other side accepts the connection within `time`.
    func isAccepted(within time: Duration = .seconds(2)) async -> Bool {
        let deadline = ContinuousClock.now + time
        var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while poll(&state, 1, 0) == 0 {
            guard ContinuousClock.now < deadline, !Task.isCancelled else { return false }
            try? await Task.sleep(for: .milliseconds(5))
        }
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0
    }

    /// Sends a request and reads until `isEnough` or the other side's end; nil when that takes longer than `time`.
    func ask(
        _ request: [UInt8], within time: Duration = .seconds(2), until isEnough: ([UInt8]) -> Bool = { _ in false }
    ) async -> [UInt8]? {
        guard await isAccepted(within: time) else { return nil }
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            return nil
        }
        let deadline = ContinuousClock.now + time
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while answer.count < 65_536 {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                answer += buffer[..<count]
                if isEnough(answer) { return answer }
            } else if count == 0 {
                return answer
            } else if errno == EAGAIN || errno == EINTR {
                guard ContinuousClock.now < deadline, !Task.isCancelled else { return nil }
                try? await Task.sleep(for: .milliseconds(5))
            } else {
                return nil
            }
        }
        return answer
    }

    static func withAddress<Result>(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// The address of a Unix socket holds 107 bytes and a zero (unix(7)).
enum UnixSocketPath {
    static func fits(_ path: String) -> Bool { path.utf8.count <= 107 }

    static func check(_ path: String, server: String) throws(ServerError) {
        guard fits(path) else { throw .socketPathTooLong(server: server, path: path) }
    }
}
