import FoundationEssentials
import Glibc
import LabState
public import Logging
import NIOCore
import NIOPosix

/// Stands between the provisioner and the Docker engine, each at a socket: lets through what ``EngineRules`` allow, and
/// answers the rest with 403.
public struct EngineFilter: Sendable {
    /// The path of the socket that it listens on.
    public let socket: String
    /// The path of the engine's own.
    public let engine: String
    private let logger: Logger

    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    public init(socket: String, engine: String, logger: Logger) {
        self.socket = socket
        self.engine = engine
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    public func run() async throws {
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 64)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(unixDomainSocketPath: socket, cleanupExistingSocketFile: true) { channel in
                channel.eventLoop.makeCompletedFuture { try Self.connection(channel) }
            }
        // Whoever sees the folder may ask: it is the provisioner's alone, which is another user.
        guard chmod(socket, 0o666) == 0 else { throw FileFault(socket) }
        try await withThrowingDiscardingTaskGroup { group in
            try await server.executeThenClose { clients in
                for try await client in clients {
                    group.addTask { await serve(client) }
                }
            }
            group.cancelAll()
        }
    }

    private static func connection(_ channel: any Channel) throws -> Connection {
        // The end of what one side sends is passed on while the other one still does.
        try Connection(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    private func serve(_ client: Connection) async {
        do {
            try await client.executeThenClose { fromClient, toClient in
                var requests = fromClient.makeAsyncIterator()
                var received = ByteBuffer()
                guard let request = try await head(&requests, &received) else {
                    return try await toClient.write(Self.answer("400 Bad Request", "this is no request"))
                }
                guard request.isAllowed else {
                    logger.warning("Refused", metadata: ["request": "\(request.method) \(request.target)"])
                    let words = "the filter of the lab does not let this through: \(request.method) \(request.path)"
                    return try await toClient.write(Self.answer("403 Forbidden", words))
                }
                let toEngine: Connection
                do {
                    toEngine = try await connect()
                } catch {
                    let words = "the Docker engine does not answer at \(engine): \(error)"
                    return try await toClient.write(Self.answer("502 Bad Gateway", words))
                }
                try await relay(request, received, &requests, toClient, by: toEngine)
            }
        } catch {
            // One of the two went away, as clients that follow events do.
            logger.debug("A connection ended", metadata: ["error": "\(error)"])
        }
    }

    private func connect() async throws -> Connection {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(unixDomainSocketPath: engine) { channel in
                channel.eventLoop.makeCompletedFuture { try Self.connection(channel) }
            }
    }

    /// - Parameter received: what came with the head, and is a part of the body.
    private func relay(
        _ request: EngineRequest, _ received: ByteBuffer,
        _ requests: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        _ toClient: NIOAsyncChannelOutboundWriter<ByteBuffer>, by connection: Connection
    ) async throws {
        try await connection.executeThenClose { fromEngine, toEngine in
            var first = ByteBuffer(string: request.forwarded)
            first.writeImmutableBuffer(received)
            try await toEngine.write(first)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for try await part in fromEngine { try await toClient.write(part) }
                    // The client reads to the end of this and goes, which ends the loop below.
                    toClient.finish()
                }
                while let part = try await requests.next() { try await toEngine.write(part) }
                toEngine.finish()
                try await group.waitForAll()
            }
        }
    }

    /// Reads up to the empty line after a request's head; what comes behind it stays in `received`. Nil for what is none.
    private func head(
        _ requests: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator, _ received: inout ByteBuffer
    ) async throws -> EngineRequest? {
        let end = Array("\r\n\r\n".utf8)
        while received.readableBytes <= EngineRequest.maximumBytes {
            let bytes = received.readableBytesView
            if let place = bytes.firstRange(of: end) {
                let head = String(decoding: bytes[bytes.startIndex..<place.lowerBound], as: UTF8.self)
                received.moveReaderIndex(to: place.upperBound)
                return EngineRequest(head)
            }
            guard let part = try await requests.next() else { return nil }
            received.writeImmutableBuffer(part)
        }
        return nil
    }

    private static func answer(_ status: String, _ message: String) throws -> ByteBuffer {
        let body = try JSONText(encoding: ["message": message]).text + "\n"
        return ByteBuffer(
            string: "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
                + "Connection: close\r\n\r\n\(body)")
    }
}
