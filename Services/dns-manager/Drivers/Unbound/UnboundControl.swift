import NIOCore
import NIOPosix

/// Unbound's control channel on its unix socket: `UBCT1 <command>`, one command a connection, and the reply is
/// whatever comes until the peer closes (Unbound 1.17, daemon/remote.c).
struct UnboundControl: Sendable {
    let socketPath: String
    private let group: any EventLoopGroup

    /// What one line of a bulk command may have at the most; Unbound reads them into a buffer of 2048 bytes and drops
    /// the connection of a longer one.
    static let maximumLine = 2000
    /// Unbound has one thread for control and, by default, for answers: a batch of 500 takes it about 9 ms.
    static let maximumBatch = 500
    /// A whole bulk command fits in the kernel's buffer, so that its end marker is there even if this process dies:
    /// Unbound waits for it without end otherwise, at full load and answering nobody.
    static let maximumBulkBytes = 96 * 1024

    init(socketPath: String, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) {
        self.socketPath = socketPath
        self.group = group
    }

    /// Sends one command and returns the reply. Cancellation ends it, unless it changes something.
    func ask(_ command: String, timeout: TimeAmount = .seconds(10)) async throws(ResolverError) -> ByteBuffer {
        try await open().send(Array("UBCT1 \(command)\n".utf8), timeout: timeout, isCancellable: true)
    }

    /// Sends commands with their lines, each on a connection of its own, one after the other with no time lost in
    /// between; all are connected before the first is sent.
    ///
    /// - Returns: the replies.
    func change(_ bulks: [Bulk], timeout: TimeAmount = .seconds(30)) async throws(ResolverError) -> [String] {
        var connections: [Connection] = []
        var replies: [String] = []
        do {
            for _ in bulks { connections.append(try await open()) }
            for (bulk, connection) in zip(bulks, connections) {
                let reply = try await connection.send(bulk.bytes, timeout: timeout, isCancellable: false)
                replies.append(String(buffer: reply))
            }
        } catch {
            for connection in connections { connection.close() }
            throw error
        }
        return replies
    }

    /// A command with lines, such as `local_datas`. No line is empty, longer than ``maximumLine`` or has a line break.
    struct Bulk: Sendable {
        let command: String
        let lines: [[UInt8]]

        var bytes: [UInt8] {
            var bytes = Array("UBCT1 \(command)\n".utf8)
            bytes.reserveCapacity(bytes.count + lines.reduce(2) { $0 + $1.count + 1 })
            for line in lines {
                bytes += line
                bytes.append(UInt8(ascii: "\n"))
            }
            bytes += [0x04, UInt8(ascii: "\n")]
            return bytes
        }
    }

    private func open() async throws(ResolverError) -> Connection {
        let reply = group.next().makePromise(of: ByteBuffer.self)
        do {
            let channel = try await ClientBootstrap(group: group)
                .connectTimeout(.seconds(5))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ReplyCollector(reply))
                    }
                }
                .connect(unixDomainSocketPath: socketPath).get()
            return Connection(channel: channel, reply: reply.futureResult, socketPath: socketPath)
        } catch {
            reply.fail(error)
            throw ResolverError(
                .unavailable,
                "Unbound's control socket \(socketPath) cannot be reached (\(error)). Start Unbound, and see that "
                    + "control-enable, control-interface and the socket's file mode let this process in")
        }
    }

    private struct Connection: Sendable {
        let channel: any Channel
        let reply: EventLoopFuture<ByteBuffer>
        let socketPath: String

        func close() { channel.close(promise: nil) }

        func send(
            _ bytes: [UInt8], timeout: TimeAmount, isCancellable: Bool
        ) async throws(ResolverError) -> ByteBuffer {
            let deadline = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
            defer { deadline.cancel() }
            do {
                return try await withTaskCancellationHandler {
                    try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
                    return try await reply.get()
                } onCancel: {
                    if isCancellable { channel.close(promise: nil) }
                }
            } catch {
                channel.close(promise: nil)
                throw ResolverError(
                    .unavailable, "Unbound closed its control socket \(socketPath) without a full reply (\(error))")
            }
        }
    }
}

/// Collects what comes until the peer closes.
private final class ReplyCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let reply: EventLoopPromise<ByteBuffer>
    private var received = ByteBuffer()
    private var endedByPeer = false

    init(_ reply: EventLoopPromise<ByteBuffer>) {
        self.reply = reply
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reply.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Every reply ends with a line; one that was cut off by a closed socket has none.
        if received.readableBytes > 0, received.readableBytesView.last == UInt8(ascii: "\n") {
            reply.succeed(received)
        } else {
            reply.fail(ChannelError.inputClosed)
        }
    }
}
