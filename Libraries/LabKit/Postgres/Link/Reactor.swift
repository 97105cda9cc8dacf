import CLibpq
import Glibc
import Synchronization

/// One thread for all connections of the process, which sleeps until one of their sockets is ready.
///
/// It is started with the first connection and stays, as the threads of the concurrency runtime do. Callers send on
/// their own threads, under the connection's lock; this one receives for those who sleep, and resumes them. Of each
/// connection it tells one event, and the next when it is asked to.
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

    /// Tells of the next event: input, and on demand that the socket takes more output.
    func watch(_ number: UInt64, socket: Int32, forOutput isOutputWanted: Bool) {
        _ = lab_epoll_modify(epoll, socket, isOutputWanted ? Self.input | Self.output : Self.input, number)
    }

    /// Forgets a link; call it before its socket is closed, or with -1 when it is closed already.
    func remove(_ number: UInt64, socket: Int32) {
        if socket >= 0 { _ = lab_epoll_remove(epoll, socket) }
        links.withLock { _ = $0.removeValue(forKey: number) }
    }

    private static let input = EPOLLIN.rawValue | EPOLLONESHOT.rawValue
    private static let output = EPOLLOUT.rawValue
    /// Milliseconds until connections that nobody waits for are watched again, for their loss above all.
    private static let idleLook: Int32 = 500

    private func run() {
        var numbers = [UInt64](repeating: 0, count: 64)
        var events = [UInt32](repeating: 0, count: 64)
        var ready: [(link: Link, events: UInt32)] = []
        ready.reserveCapacity(64)
        var unwatched: [UInt64: Link] = [:]
        while true {
            let count = Int(lab_epoll_wait(epoll, &numbers, &events, unwatched.isEmpty ? -1 : Self.idleLook))
            if count == 0 {
                for link in unwatched.values { link.arm() }
                unwatched.removeAll(keepingCapacity: true)
            }
            guard count > 0 else { continue }
            // A number is never used twice, so an event that comes late finds no link rather than another one.
            links.withLock { links in
                for index in 0..<count {
                    if let link = links[numbers[index]] { ready.append((link, events[index])) }
                }
            }
            for (link, events) in ready {
                let isWatched = link.socketIsReady(forOutput: events & Self.output != 0)
                unwatched[link.number] = isWatched ? nil : link
            }
            ready.removeAll(keepingCapacity: true)
        }
    }
}
