import NIOCore
import NIOPosix
import Synchronization

/// A server on loopback that answers each connection with a script: for misbehaviour that no real server offers.
final class RawServer: Sendable {
    typealias Script = @Sendable (RawConnection) async throws -> Void

    let port: Int
    private let serving: Task<Void, Never>
    private let counts: Counts

    /// What the server has seen.
    final class Counts: Sendable {
        let accepted = Atomic(0)
        let open = Atomic(0)
    }

    static func start(unixSocket: String? = nil, _ script: @escaping Script) async throws -> RawServer {
        let bootstrap = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 2048)
            .childChannelOption(.autoRead, value: false)
        // Wrapped only by the task that serves it: a NIOAsyncChannel that is dropped unserved, as happens to those
        // accepted while the server stops, ends the whole process (swift-nio issue 2637).
        let initializer: @Sendable (any Channel) -> EventLoopFuture<any Channel> = { channel in
            channel.eventLoop.makeSucceededFuture(channel)
        }
        let server =
            if let unixSocket {
                try await bootstrap.bind(unixDomainSocketPath: unixSocket, childChannelInitializer: initializer)
            } else {
                try await bootstrap.bind(host: "127.0.0.1", port: 0, childChannelInitializer: initializer)
            }
        return RawServer(server, script: script)
    }

    private init(_ server: NIOAsyncChannel<any Channel, Never>, script: @escaping Script) {
        port = server.channel.localAddress?.port ?? 0
        let counts = Counts()
        self.counts = counts
        serving = Task {
            try? await withThrowingDiscardingTaskGroup { group in
                try await server.executeThenClose { connections in
                    for try await connection in connections {
                        counts.accepted.add(1, ordering: .relaxed)
                        counts.open.add(1, ordering: .relaxed)
                        group.addTask {
                            // A client that goes away is part of what is tested.
                            try? await Self.serve(connection, script)
                            counts.open.subtract(1, ordering: .relaxed)
                        }
                    }
                }
            }
        }
    }

    deinit { serving.cancel() }

    private static func serve(_ connection: any Channel, _ script: Script) async throws {
        let wrapped = try await connection.eventLoop.submit {
            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: connection)
        }.get()
        try await wrapped.executeThenClose { inbound, _ in
            try await connection.setOption(.autoRead, value: true).get()
            try await script(RawConnection(inbound: inbound.makeAsyncIterator(), channel: connection))
        }
    }

    var url: String { "http://127.0.0.1:\(port)/" }
    var acceptedConnections: Int { counts.accepted.load(ordering: .relaxed) }
    var openConnections: Int { counts.open.load(ordering: .relaxed) }

    /// Waits until so many connections are open; false after `limit`.
    func waitForOpenConnections(_ count: Int, within limit: Duration) async throws -> Bool {
        let end = ContinuousClock.now + limit
        while openConnections != count {
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
        return true
    }
}

/// One accepted connection, with just enough HTTP to read a request.
final class RawConnection {
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let channel: any Channel
    private var pending = ByteBuffer()

    init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        channel: any Channel
    ) {
        self.inbound = inbound
        self.channel = channel
    }

    /// Returns when the system has taken all of it, so that a close that follows cuts nothing off.
    func write(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text)).get()
    }

    func write(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    /// Bytes as they come; nil at the end.
    func read() async throws -> ByteBuffer? {
        if pending.readableBytes > 0 {
            defer { pending.clear() }
            return pending
        }
        return try await inbound.next()
    }

    /// The head of the next request, without its blank line; nil when the client has closed.
    func readHead() async throws -> String? {
        while true {
            // Bytes, not characters: a body may follow, and it need not be text.
            let bytes = Array(pending.readableBytesView.prefix(16_384))
            if let end = Self.endOfHead(bytes) {
                let head = String(decoding: bytes[..<end], as: UTF8.self)
                pending.moveReaderIndex(forwardBy: end + 4)
                return head
            }
            guard var more = try await inbound.next() else { return nil }
            pending.writeBuffer(&more)
        }
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...(bytes.count - 4)).first { index in
            bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10
        }
    }

    /// Answers every request on the connection alike.
    func answerAll(status: String = "200 OK", headers: String = "", body: String) async throws {
        while try await readHead() != nil {
            try await write("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
        }
    }
}
