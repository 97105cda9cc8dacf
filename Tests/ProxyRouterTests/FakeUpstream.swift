import Glibc
import LabServers
import Synchronization

/// An HTTP/1.1 server on bare sockets, for what a proxy must pass on: it shows each request as it came, streams, takes
/// uploads, and speaks after an upgrade.
///
/// Paths: `/` greets; `/echo` answers the request's head; `/stream` sends five chunks, 100 ms apart; `/upload` counts
/// the body; `/socket` upgrades and echoes; `/status/<code>` answers that status; `/slow` waits 300 ms.
final class FakeUpstream: Sendable {
    let port: Int
    private let name: String
    private let listener: Int32
    private let isStopped = Atomic(false)

    init(_ name: String = "upstream") throws {
        self.name = name
        var listener: Int32 = -1
        var port = 0
        for _ in 0..<20 where listener < 0 {
            port = LoopbackPort.free()
            listener = Self.listen(on: port)
        }
        guard listener >= 0 else { throw Failure() }
        self.listener = listener
        self.port = port
        let descriptor = listener
        // Threads of its own: blocking those of Dispatch would starve the tasks of the test.
        OwnThread.start {
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { break }
                OwnThread.start { Self.serve(client, name) }
            }
        }
    }

    struct Failure: Error {}

    var url: String { "http://127.0.0.1:\(port)" }

    /// Closes the listener: later connections are refused.
    func stop() {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func listen(on port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, Glibc.listen(descriptor, 512) == 0 else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    // MARK: A connection

    private static func serve(_ client: Int32, _ name: String) {
        defer { close(client) }
        var waiting: [UInt8] = []
        while let head = readHead(client, &waiting) {
            let words = head.split(separator: "\r\n").first?.split(separator: " ") ?? []
            let path = words.count > 1 ? String(words[1]) : "/"
            switch path.split(separator: "?").first.map(String.init) ?? "/" {
            case "/echo", "/base/echo": answer(client, body: head)
            case "/stream": stream(client)
            case "/upload":
                answer(client, body: String(countBody(client, head, &waiting)))
            case "/socket":
                echo(client, waiting)
                return
            case "/slow":
                usleep(300_000)
                answer(client, body: "slow")
            case let path where path.hasPrefix("/status/"):
                answer(client, status: Int(path.dropFirst(8)) ?? 500, body: "as asked")
            default: answer(client, body: "hello from \(name)")
            }
        }
    }

    private static func readHead(_ client: Int32, _ waiting: inout [UInt8]) -> String? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let end = waiting.firstRange(of: Array("\r\n\r\n".utf8)) {
                let head = String(decoding: waiting[..<end.lowerBound], as: UTF8.self)
                waiting.removeSubrange(..<end.upperBound)
                return head
            }
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            waiting += buffer[..<count]
        }
    }

    private static func answer(_ client: Int32, status: Int = 200, body: String) {
        send(
            client,
            "HTTP/1.1 \(status) Whatever\r\nContent-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\n"
                + "Proxy-Status: forged\r\n\r\n\(body)")
    }

    private static func stream(_ client: Int32) {
        send(client, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in 1...5 {
            let text = "data: \(number)\n\n"
            send(client, "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
            usleep(100_000)
        }
        send(client, "0\r\n\r\n")
    }

    private static func countBody(_ client: Int32, _ head: String, _ waiting: inout [UInt8]) -> Int {
        let lines = head.lowercased().split(separator: "\r\n")
        let length =
            lines.first { $0.hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
        var count = min(waiting.count, length)
        waiting.removeFirst(count)
        var buffer = [UInt8](repeating: 0, count: 262_144)
        while count < length {
            let received = recv(client, &buffer, min(buffer.count, length - count), 0)
            guard received > 0 else { break }
            count += received
        }
        return count
    }

    /// Switches protocols, sends back what comes, and closes after a line with `bye`.
    private static func echo(_ client: Int32, _ first: [UInt8]) {
        send(client, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        var bytes = first
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if !bytes.isEmpty { send(client, "echo:" + String(decoding: bytes, as: UTF8.self)) }
            if String(decoding: bytes, as: UTF8.self).contains("bye") { return }
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            bytes = Array(buffer[..<count])
        }
    }

    private static func send(_ client: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}

/// A thread that may block.
private enum OwnThread {
    private final class Work: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        // Taken back by the thread, once.
        let work = Unmanaged.passRetained(Work(run)).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, work)
        guard result == 0 else {
            Unmanaged<Work>.fromOpaque(work).release()
            return
        }
        pthread_detach(thread)
    }
}
