import Glibc
public import Logging
import Synchronization

/// A client of an MQTT 5 broker.
///
/// It does nothing until ``run()`` is called, and lives until that task is cancelled. Publishing and subscribing wait
/// for the connection, which is made again whenever it breaks.
///
/// ```swift
/// try await withThrowingTaskGroup(of: Void.self) { group in
///     group.addTask { try await mqtt.run() }
///     try await mqtt.publish(MQTTMessage(topic: MQTTTopic("lab/hello"), text: "hello"))
///     try await mqtt.withSubscription(to: [MQTTTopicFilter("lab/#")]) { messages in
///         for try await message in messages { print(message.topic) }
///     }
///     group.cancelAll()
/// }
/// ```
public final class MQTTClient: Sendable {
    private let configuration: MQTTConfiguration
    private let logger: Logger
    private let inbox: Inbox
    private let status: ConnectionStatus
    private let hasRun = Atomic(false)
    private let nextSubscription = Atomic<UInt64>(0)

    /// - Throws: ``MQTTError/invalidConfiguration(_:)``.
    public init(_ configuration: MQTTConfiguration, logger: Logger) throws(MQTTError) {
        try configuration.validate()
        self.configuration = configuration
        self.logger = logger
        inbox = try Inbox()
        status = ConnectionStatus(broker: configuration.broker)
    }

    /// Connects and stays connected until the task is cancelled; then says goodbye to the broker, so that the will is
    /// not published, and returns.
    ///
    /// Whoever still waits for a publish or a message then gets ``MQTTError/stopped``.
    ///
    /// - Throws: ``MQTTError/refused(broker:_:)`` when the broker does not let this client in at the first connection
    ///   for a reason that waiting does not change, such as a wrong password; later refusals are tried again.
    ///   ``MQTTError/alreadyRun`` the second time.
    public func run() async throws {
        guard hasRun.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else {
            throw MQTTError.alreadyRun
        }
        let ended = Ticket<Void>()
        let (configuration, inbox, status) = (configuration, inbox, status)
        logger.debug("MQTT client starts", metadata: ["broker": "\(configuration.broker)"])
        try await withTaskCancellationHandler {
            let hasStarted = NetworkThread.start {
                let failure = Self.drive(configuration, inbox: inbox, status: status)
                ended.finish(failure.map { .failure($0) } ?? .success(()))
            }
            guard hasStarted else { throw MQTTError.invalidConfiguration("the system has no thread left") }
            try await ended.uncancellableValue()
        } onCancel: {
            _ = inbox.post(.stop)
        }
    }

    /// Publishes a message and returns when the broker has it: with QoS 0 when it is written to the socket, with QoS 1
    /// on PUBACK, with QoS 2 on PUBCOMP.
    ///
    /// Waits up to the configuration's `operationTimeout` for a connection. A message with QoS 1 or 2 whose connection
    /// breaks after it was sent is sent again over the next, and the call returns then, however long that takes. A call
    /// that is cancelled returns at once; its message may still arrive.
    ///
    /// - Throws: ``MQTTError/notConnected(broker:waited:lastFailure:)``, ``MQTTError/publishRefused(topic:_:)``,
    ///   ``MQTTError/invalidMessage(topic:detail:)``, ``MQTTError/connectionLost(broker:detail:)`` (QoS 0),
    ///   ``MQTTError/stopped``, `CancellationError`.
    public func publish(_ message: MQTTMessage) async throws {
        try Task.checkCancellation()
        try await status.waitUntilConnected(within: configuration.operationTimeout)
        let ticket = Ticket<Void>()
        guard inbox.post(.publish(PublishRequest(message: message, ticket: ticket))) else { throw MQTTError.stopped }
        try await ticket.value()
    }

    /// Subscribes, runs `body` with the messages, and unsubscribes.
    ///
    /// The subscription has a connection and a session of its own, so a reader that takes its time holds up itself
    /// alone. It is renewed whenever the connection was lost. When `body` ends because its task is cancelled, the broker
    /// keeps the session for the configuration's `sessionExpiry`; otherwise it forgets it.
    ///
    /// A filter that another in `filters` covers is left out; where two overlap in part, a message that both match
    /// may come once for each.
    ///
    /// - Parameters:
    ///   - filters: at least one.
    ///   - qualityOfService: the highest that messages come with.
    ///   - bufferSize: how many messages may wait for the reader, at least 1.
    ///   - body: gets the messages once the broker has granted the subscription.
    /// - Throws: ``MQTTError/subscribeRefused(filter:_:)``, ``MQTTError/notConnected(broker:waited:lastFailure:)``,
    ///   ``MQTTError/stopped``, `CancellationError`, and what `body` throws.
    public func withSubscription<Value>(
        to filters: [MQTTTopicFilter], qualityOfService: MQTTQualityOfService = .atLeastOnce, bufferSize: Int = 256,
        isolation: isolated (any Actor)? = #isolation, _ body: (MQTTMessages) async throws -> Value
    ) async throws -> Value {
        let filters = Self.withoutCovered(filters)
        guard !filters.isEmpty else { throw MQTTError.invalidConfiguration("a subscription needs a filter") }
        try Task.checkCancellation()
        try await status.waitUntilConnected(within: configuration.operationTimeout)

        let id = nextSubscription.wrappingAdd(1, ordering: .relaxed).newValue
        let inbox = inbox
        let buffer = MessageBuffer(capacity: bufferSize) { inbox.wake() }
        let ticket = Ticket<Void>()
        let request = SubscribeRequest(
            id: id, filters: filters, qualityOfService: qualityOfService, buffer: buffer, ticket: ticket)
        guard inbox.post(.subscribe(request)) else { throw MQTTError.stopped }
        defer { _ = inbox.post(.endSubscription(id, keepsSession: Task.isCancelled)) }
        let (limit, status) = (configuration.operationTimeout, status)
        try await ticket.value(within: limit) { status.notConnected(waited: limit) }
        return try await body(MQTTMessages(buffer: buffer))
    }

    /// The state of the connection now, and each change from now on; ends with the client. Whoever announces something
    /// that the broker may have forgotten does so at each `connected`.
    public var connectionStates: AsyncStream<MQTTConnectionState> { status.changes() }

    /// Whether there is a connection now.
    public var isConnected: Bool { status.current.isConnected }

    static func withoutCovered(_ filters: [MQTTTopicFilter]) -> [MQTTTopicFilter] {
        var kept: [MQTTTopicFilter] = []
        for filter in filters where !kept.contains(where: { $0.covers(filter) }) {
            kept.removeAll { filter.covers($0) }
            kept.append(filter)
        }
        return kept
    }

    /// The network thread from its first to its last moment.
    private static func drive(_ configuration: MQTTConfiguration, inbox: Inbox, status: ConnectionStatus) -> MQTTError?
    {
        var failure: MQTTError?
        do throws(MQTTError) {
            failure = try NetworkLoop(configuration, inbox: inbox, status: status).run()
        } catch {
            failure = error
        }
        let end = failure ?? .stopped
        status.end(end)
        for command in inbox.close() {
            switch command {
            case .publish(let request): request.ticket.finish(.failure(end))
            case .subscribe(let request): request.ticket.finish(.failure(end))
            case .endSubscription, .stop: break
            }
        }
        return failure
    }
}
