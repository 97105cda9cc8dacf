import Synchronization

/// Whether there is a connection to publish over.
public enum MQTTConnectionState: Sendable, Equatable {
    /// - Parameter sessionPresent: the broker has kept the session since the last connection.
    case connected(sessionPresent: Bool)
    /// There is none, or none any more. Before the first attempt the reason is nil.
    case disconnected(reason: MQTTError?)

    public var isConnected: Bool {
        if case .connected = self { true } else { false }
    }
}

/// What tasks see of the connection, and how they wait for it.
final class ConnectionStatus: Sendable {
    private struct State {
        var connection = MQTTConnectionState.disconnected(reason: nil)
        var end: MQTTError?
        var waiting: [UInt64: Ticket<Void>] = [:]
        var observers: [UInt64: AsyncStream<MQTTConnectionState>.Continuation] = [:]
        var nextID: UInt64 = 0

        var isConnected: Bool {
            if case .connected = connection { true } else { false }
        }
    }

    private let state = Mutex(State())
    private let broker: String

    init(broker: String) {
        self.broker = broker
    }

    var current: MQTTConnectionState { state.withLock { $0.connection } }

    func connected(sessionPresent: Bool) {
        let waiting = state.withLock { state in
            change(&state, to: .connected(sessionPresent: sessionPresent))
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for ticket in waiting { ticket.finish(.success(())) }
    }

    func disconnected(_ reason: MQTTError) {
        state.withLock { change(&$0, to: .disconnected(reason: reason)) }
    }

    /// No connection will come any more.
    func end(_ error: MQTTError) {
        let (waiting, observers) = state.withLock { state in
            state.end = error
            state.connection = .disconnected(reason: error)
            defer {
                state.waiting = [:]
                state.observers = [:]
            }
            return (state.waiting.values, state.observers.values)
        }
        for ticket in waiting { ticket.finish(.failure(error)) }
        for observer in observers { observer.finish() }
    }

    func waitUntilConnected(within limit: Duration) async throws {
        let (id, ticket) = try state.withLock { state -> (UInt64, Ticket<Void>?) in
            if let end = state.end { throw end }
            if state.isConnected { return (0, nil) }
            let ticket = Ticket<Void>()
            state.nextID += 1
            state.waiting[state.nextID] = ticket
            return (state.nextID, ticket)
        }
        guard let ticket else { return }
        defer { state.withLock { $0.waiting[id] = nil } }
        try await ticket.value(within: limit) { self.notConnected(waited: limit) }
    }

    func notConnected(waited: Duration) -> MQTTError {
        let reason: MQTTError? = state.withLock { state in
            if case .disconnected(let reason) = state.connection { reason } else { nil }
        }
        return .notConnected(broker: broker, waited: waited, lastFailure: reason?.description)
    }

    /// The state now and each change from now on; the newest 16 are kept for a slow reader. Ends with the client.
    func changes() -> AsyncStream<MQTTConnectionState> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: MQTTConnectionState.self, bufferingPolicy: .bufferingNewest(16))
        let id: UInt64? = state.withLock { state in
            continuation.yield(state.connection)
            guard state.end == nil else { return nil }
            state.nextID += 1
            state.observers[state.nextID] = continuation
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.observers.removeValue(forKey: id) }
        }
        return stream
    }

    private func change(_ state: inout sending State, to connection: MQTTConnectionState) {
        state.connection = connection
        for observer in state.observers.values { observer.yield(connection) }
    }
}
