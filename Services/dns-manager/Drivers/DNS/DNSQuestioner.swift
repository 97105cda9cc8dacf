import LabCore
import NIOCore
import NIOPosix

/// Asks a DNS server over UDP, many questions in flight on one socket, and over TCP where an answer was cut off.
struct DNSQuestioner: Questioner {
    let host: String
    let port: Int
    /// How long one try may take; there are three.
    let timeout: TimeAmount
    private let group: any EventLoopGroup

    init(
        host: String, port: Int, timeout: TimeAmount = .seconds(1),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        self.host = host
        self.port = port
        self.timeout = timeout
        self.group = group
    }

    /// For messages: `127.0.0.1:53`.
    var server: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    func answer(_ questions: [Question]) async -> [Result<Answer, ResolverError>] {
        guard !questions.isEmpty else { return [] }
        let loop = group.next()
        let outcome = loop.makePromise(of: [QuestionWindow.Outcome].self)
        let outcomes: [QuestionWindow.Outcome]
        do {
            let channel = try await DatagramBootstrap(group: loop)
                .channelInitializer { [server, timeout] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            QuestionWindow(questions, server: server, timeout: timeout, outcome: outcome))
                    }
                }
                .connect(host: host, port: port).get()
            defer { channel.close(promise: nil) }
            outcomes = try await withTaskCancellationHandler {
                try await outcome.futureResult.get()
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch {
            outcome.fail(error)
            let failure = ResolverError(.unavailable, "\(server) cannot be asked (\(error))")
            return questions.map { _ in .failure(failure) }
        }
        var results: [Result<Answer, ResolverError>] = []
        for (question, outcome) in zip(questions, outcomes) {
            switch outcome {
            case .answered(let answer): results.append(.success(answer))
            case .failed(let error): results.append(.failure(error))
            case .truncated: results.append(await answerOverTCP(question))
            }
        }
        return results
    }

    private func answerOverTCP(_ question: Question) async -> Result<Answer, ResolverError> {
        let begin = ContinuousClock.now
        let loop = group.next()
        let promise = loop.makePromise(of: ByteBuffer.self)
        do {
            let channel = try await ClientBootstrap(group: loop).connectTimeout(timeout)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(SingleReply(promise))
                    }
                }
                .connect(host: host, port: port).get()
            defer { channel.close(promise: nil) }
            let deadline = loop.scheduleTask(in: timeout * 3) { channel.close(promise: nil) }
            defer { deadline.cancel() }
            let query = DNSMessage.query(question, id: .random(in: .min ... .max))
            var framed = ByteBuffer()
            framed.writeInteger(UInt16(query.readableBytes))
            framed.writeImmutableBuffer(query)
            try await channel.writeAndFlush(framed)
            guard let reply = DNSMessage.reply(try await promise.futureResult.get()), reply.question == question else {
                return .failure(ResolverError(.unavailable, "\(server) did not answer over TCP as DNS has it"))
            }
            return .success(Answer(code: reply.code, sets: reply.sets, elapsed: ContinuousClock.now - begin))
        } catch {
            promise.fail(error)
            return .failure(ResolverError(.unavailable, "\(server) cannot be asked over TCP (\(error))"))
        }
    }
}

/// Keeps a bounded number of questions in flight on a connected UDP socket. Everything happens on its event loop.
private final class QuestionWindow: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = ByteBuffer

    enum Outcome: Sendable {
        case answered(Answer)
        case truncated
        case failed(ResolverError)
    }

    private struct Flight {
        let index: Int
        let begin: ContinuousClock.Instant
        var tries: Int
        var overdue: NIODeadline
    }

    /// More would overflow the sockets' buffers.
    private static let width = 64
    private static let tries = 3

    private let questions: [Question]
    private let server: String
    private let timeout: TimeAmount
    private let outcome: EventLoopPromise<[Outcome]>
    private var outcomes: [Outcome?]
    private var flights: [UInt16: Flight] = [:]
    private var next = 0
    private var answered = 0
    private var timer: RepeatedTask?

    init(_ questions: [Question], server: String, timeout: TimeAmount, outcome: EventLoopPromise<[Outcome]>) {
        self.questions = questions
        self.server = server
        self.timeout = timeout
        self.outcome = outcome
        outcomes = Array(repeating: nil, count: questions.count)
    }

    func channelActive(context: ChannelHandlerContext) {
        fill(context)
        let interval = TimeAmount.nanoseconds(max(timeout.nanoseconds / 4, 1_000_000))
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let (window, context) = loopBound.value
            window.sendAgain(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(with: ChannelError.ioOnClosedChannel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(with: error)
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let reply = DNSMessage.reply(unwrapInboundIn(data).data), let flight = flights[reply.id],
            reply.question == nil || reply.question == questions[flight.index]
        else { return }
        flights[reply.id] = nil
        settle(
            flight.index,
            reply.isTruncated
                ? .truncated
                : .answered(Answer(code: reply.code, sets: reply.sets, elapsed: ContinuousClock.now - flight.begin)))
        fill(context)
    }

    private func fill(_ context: ChannelHandlerContext) {
        while flights.count < Self.width, next < questions.count {
            var id = UInt16.random(in: .min ... .max)
            while flights[id] != nil { id &+= 1 }
            flights[id] = Flight(index: next, begin: .now, tries: 1, overdue: .now() + timeout)
            context.write(wrapOutboundOut(DNSMessage.query(questions[next], id: id)), promise: nil)
            next += 1
        }
        context.flush()
    }

    private func sendAgain(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        for (id, flight) in flights where flight.overdue <= now {
            if flight.tries == Self.tries {
                flights[id] = nil
                settle(
                    flight.index,
                    .failed(
                        ResolverError(
                            .unavailable,
                            "\(server) did not answer a question for \(questions[flight.index].name) "
                                + "\(questions[flight.index].type.rawValue) \(Self.tries) times in turn")))
            } else {
                flights[id]?.tries += 1
                flights[id]?.overdue = now + timeout
                context.write(wrapOutboundOut(DNSMessage.query(questions[flight.index], id: id)), promise: nil)
            }
        }
        fill(context)
    }

    private func settle(_ index: Int, _ result: Outcome) {
        outcomes[index] = result
        answered += 1
        if answered == questions.count { finish(with: nil) }
    }

    private func finish(with error: (any Error)?) {
        timer?.cancel()
        timer = nil
        let missing = ResolverError(
            .unavailable, "\(server) cannot be asked (\(error.map { "\($0)" } ?? "no answer")). Is the resolver running?")
        outcome.succeed(outcomes.map { $0 ?? .failed(missing) })
    }
}

/// Collects one message with its length in front (RFC 7766).
private final class SingleReply: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let reply: EventLoopPromise<ByteBuffer>
    private var received = ByteBuffer()

    init(_ reply: EventLoopPromise<ByteBuffer>) {
        self.reply = reply
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
        var rest = received
        if let length = rest.readInteger(as: UInt16.self), let message = rest.readSlice(length: Int(length)) {
            reply.succeed(message)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reply.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        reply.fail(ChannelError.eof)
    }
}
