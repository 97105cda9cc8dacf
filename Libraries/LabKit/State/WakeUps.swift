import LabCore
public import LabPostgres
public import Logging
import Synchronization

/// Fans the database's notifications out inside this process: one LISTEN connection serves every waiting loop.
///
/// A topic is a channel and its payload; a waiter that was told nothing is told once more after each reconnect, since
/// notifications may have been missed.
public final class WakeUps: Sendable {
    /// Work of a kind was queued; the payload is the kind.
    public static let workChannel = "lab_work"
    /// Conditions changed.
    public static let conditionChannel = "lab_condition"
    /// Events were recorded.
    public static let eventChannel = "lab_event"
    /// Tokens were made or revoked.
    public static let tokenChannel = "lab_token"

    private struct State {
        var nextID = 0
        var signals: [Int: (topics: [String], signal: Signal)] = [:]
    }

    private let state = Mutex(State())
    private let postgres: PostgresClient
    private let logger: Logger

    public init(postgres: PostgresClient, logger: Logger) {
        self.postgres = postgres
        self.logger = logger
    }

    /// Listens until the task is cancelled.
    public func run() async throws {
        let channels = [Self.workChannel, Self.conditionChannel, Self.eventChannel, Self.tokenChannel]
        for try await notification in postgres.notifications(on: channels) {
            switch notification {
            case .listening:
                raiseAll()
            case .received(let channel, let payload):
                raise(channel)
                if channel == Self.workChannel { raise(channel + "/" + payload) }
            }
        }
    }

    /// Runs a loop that is woken by work of a kind.
    public func follow<Result>(
        kind: String, _ body: (_ awaitNext: (Duration) async -> Void) async throws -> Result
    ) async rethrows -> Result {
        try await follow(topics: [Self.workChannel + "/" + kind], body)
    }

    /// Runs a loop that is woken by a channel's notifications.
    public func follow<Result>(
        channel: String, _ body: (_ awaitNext: (Duration) async -> Void) async throws -> Result
    ) async rethrows -> Result {
        try await follow(topics: [channel], body)
    }

    /// Runs a loop that is woken by any notification on some channels, whatever its payload.
    public func follow<Result>(
        channels: [String], _ body: (_ awaitNext: (Duration) async -> Void) async throws -> Result
    ) async rethrows -> Result {
        try await follow(topics: channels, body)
    }

    /// Wakes the loops of this process that follow a channel, as a notification on it would.
    public func signal(channel: String) {
        raise(channel)
    }

    /// Wakes everyone who waits, as after a reconnect.
    public func raiseAll() {
        for signal in state.withLock({ $0.signals.values.map(\.signal) }) { signal.raise() }
    }

    private func raise(_ topic: String) {
        let signals = state.withLock { state in
            state.signals.values.filter { $0.topics.contains(topic) }.map(\.signal)
        }
        for signal in signals { signal.raise() }
    }

    private func follow<Result>(
        topics: [String], _ body: (_ awaitNext: (Duration) async -> Void) async throws -> Result
    ) async rethrows -> Result {
        let signal = Signal()
        let id = state.withLock { state in
            state.nextID += 1
            state.signals[state.nextID] = (topics, signal)
            return state.nextID
        }
        defer { state.withLock { _ = $0.signals.removeValue(forKey: id) } }
        return try await body { await signal.wait(atMost: $0) }
    }
}

/// A flag that one task waits for: raised while nobody waits, it lets the next wait pass at once.
final class Signal: Sendable {
    private enum State {
        case idle
        case raised
        case waiting(CheckedContinuation<Void, Never>, turn: Int)
    }

    private let state = Mutex<(state: State, turn: Int)>((.idle, 0))

    func raise() {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { current in
            if case .waiting(let continuation, _) = current.state {
                current.state = .idle
                return continuation
            }
            current.state = .raised
            return nil
        }
        waiter?.resume()
    }

    /// Returns when the flag is raised, after the given time, or when the task is cancelled.
    func wait(atMost duration: Duration) async {
        let turn = state.withLock { current in
            current.turn += 1
            return current.turn
        }
        let timer = Task {
            try? await Task.sleep(for: duration)
            self.end(turn)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let passes = state.withLock { current in
                    if case .raised = current.state {
                        current.state = .idle
                        return true
                    }
                    if Task.isCancelled { return true }
                    current.state = .waiting(continuation, turn: turn)
                    return false
                }
                if passes { continuation.resume() }
            }
        } onCancel: {
            end(turn)
        }
        timer.cancel()
    }

    /// Ends the wait of a turn, if it still waits.
    private func end(_ turn: Int) {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { current in
            guard case .waiting(let continuation, turn) = current.state else { return nil }
            current.state = .idle
            return continuation
        }
        waiter?.resume()
    }
}
