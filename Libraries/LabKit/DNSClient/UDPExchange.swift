import NIOCore
import NIOPosix
import Synchronization

/// One connected UDP socket that carries many questions at once. The system drops what comes from other addresses; an
/// answer counts only with the id and the question of one that is open.
final class UDPExchange: Sendable {
    private struct State {
        var open: [UInt16: PendingQuestion] = [:]
        var isClosed = false
    }

    private final class Table: Sendable {
        let state = Mutex(State())

        /// The question that a datagram answers, taken off the table; nil for anything else.
        func take(_ message: DNSMessage) -> PendingQuestion? {
            state.withLock { state in
                guard let pending = state.open[message.id], pending.question == message.question else { return nil }
                return state.open.removeValue(forKey: message.id)
            }
        }
    }

    private let server: String
    private let table: Table
    private let channel: any Channel

    private init(server: String, table: Table, channel: any Channel) {
        self.server = server
        self.table = table
        self.channel = channel
    }

    static func connect(to address: SocketAddress, server: String) async throws(DNSClientError) -> UDPExchange {
        let table = Table()
        do {
            let channel = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
                .channelOption(.socketOption(.so_rcvbuf), value: 1 << 20)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(DatagramReader(table: table))
                    }
                }
                .connect(to: address).get()
            return UDPExchange(server: server, table: table, channel: channel)
        } catch {
            throw .unreachable(server: server, detail: "\(error)")
        }
    }

    /// False for good once sending has failed: NIO closes the channel when send() reports an earlier datagram's ICMP
    /// error, as it does when nothing listened at the server's port. Where recv() reports it first, nothing happens.
    var isActive: Bool { channel.isActive }

    /// Sends a question once and waits for its answer.
    func ask(_ question: DNSQuestion, timeout: Duration) async throws -> DNSAnswer {
        let pending = PendingQuestion(question)
        let id = try table.state.withLock { state throws in
            guard !state.isClosed else { throw DNSClientError.shutDown }
            // Random and not in use; the bound on questions in flight leaves most of the 65,536 free.
            var id = UInt16.random(in: .min ... .max)
            while state.open[id] != nil { id = .random(in: .min ... .max) }
            state.open[id] = pending
            return id
        }
        defer { table.state.withLock { if $0.open[id] === pending { $0.open[id] = nil } } }
        let late = DNSClientError.timedOut(server: server, question: "\(question)")
        let timer = channel.eventLoop.scheduleTask(in: .nanoseconds(timeout.nanoseconds)) {
            pending.end(.failure(late))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                pending.wait(continuation)
                // A send that fails, for example because nobody listens, is a question without answer: UDP promises
                // no more, and the time-out ends it.
                channel.writeAndFlush(ByteBuffer(bytes: question.encoded(id: id)), promise: nil)
            }
        } onCancel: {
            pending.end(.failure(CancellationError()))
        }
    }

    func close() {
        let open = table.state.withLock { state in
            state.isClosed = true
            return Array(state.open.values)
        }
        for pending in open { pending.end(.failure(DNSClientError.shutDown)) }
        channel.close(promise: nil)
    }

    /// Takes datagrams on the event loop. What is malformed, or answers nothing that is open, is dropped: whoever can
    /// send it must not be able to end a question.
    private final class DatagramReader: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let table: Table

        init(table: Table) {
            self.table = table
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).data.readableBytesView)
            guard let message = try? DNSMessage(parsing: bytes) else { return }
            table.take(message)?.end(.success(message.answer))
        }

        /// An ICMP error about an earlier datagram; the socket stays usable.
        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}

extension Duration {
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
