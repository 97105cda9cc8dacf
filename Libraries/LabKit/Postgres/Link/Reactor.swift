import CLibpq
import Glibc
import Synchronization

/// One thread for all connections of the process, which sleeps until one of their sockets is ready.
///
/// It is started with the first connection and stays, as the threads of the concurrency runtime do. Callers send on
/// their own threads, under the connection's lock; this one receives, and resumes who waits.
final class Reactor: Sendable {
    static let shared = Reactor()

    private let epoll: Int32
    private let links = Mutex<[UInt64: Link]>([:])

    private init() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { return }
        BlockingThread.start { [self] in run() }
    }

    /// Watches a link's socket for input until it is removed.
    ///
    /// - Returns: false when the system refuses.
    func add(_ link: Link, socket: Int32) -> Bool {
        links.withLock { $0[link.number] = link }
        guard lab_epoll_add(epoll, socket, Self.input, link.number) == 0 else {
            links.withLock { _ = $0.removeValue(forKey: link.number) }
            return false
        }
        return true
    }

    /// Says whether to wake also when the socket takes more output.
    func watchOutput(_ isWanted: Bool, of number: UInt64, socket: Int32) {
        _ = lab_epoll_modify(epoll, socket, isWanted ? Self.input | Self.output : Self.input, number)
    }

    /// Forgets a link; call it before its socket is closed, or with -1 when it is closed already.
    func remove(_ number: UInt64, socket: Int32) {
        if socket >= 0 { _ = lab_epoll_remove(epoll, socket) }
        links.withLock { _ = $0.removeValue(forKey: number) }
    }

    private static let input = EPOLLIN.rawValue
    private static let output = EPOLLOUT.rawValue

    private func run() {
        var numbers = [UInt64](repeating: 0, count: 64)
        var events = [UInt32](repeating: 0, count: 64)
        var ready: [(link: Link, events: UInt32)] = []
        ready.reserveCapacity(64)
        while true {
            let count = Int(lab_epoll_wait(epoll, &numbers, &events))
            guard count > 0 else { continue }
            // A number is never used twice, so an event that comes late finds no link rather than another one.
            links.withLock { links in
                for index in 0..<count {
                    if let link = links[numbers[index]] { ready.append((link, events[index])) }
                }
            }
            for (link, events) in ready {
                link.socketIsReady(forOutput: events & Self.output != 0)
            }
            ready.removeAll(keepingCapacity: true)
        }
    }
}
