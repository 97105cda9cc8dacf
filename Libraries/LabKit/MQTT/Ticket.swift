import Synchronization

/// The one answer that a task waits for and the network thread gives: whoever finishes first wins, and cancelling the
/// waiting task finishes it at once, whatever the thread is doing.
final class Ticket<Value: Sendable>: Sendable {
    private enum State {
        case fresh
        case awaited(CheckedContinuation<Value, any Error>)
        case finished(Result<Value, any Error>)
        case collected
    }

    private let state = Mutex(State.fresh)

    /// Whether an answer, or the cancellation, has come: nobody will care for a further one.
    var isFinished: Bool {
        state.withLock { state in
            switch state {
            case .fresh, .awaited: false
            case .finished, .collected: true
            }
        }
    }

    func finish(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .fresh:
                state = .finished(result)
                return nil
            case .awaited(let continuation):
                state = .collected
                return continuation
            case .finished, .collected:
                return nil
            }
        }
        continuation?.resume(with: result)
    }

    /// Waits for the answer; called once.
    func value() async throws -> Value {
        try await withTaskCancellationHandler {
            try await uncancellableValue()
        } onCancel: {
            finish(.failure(CancellationError()))
        }
    }

    func uncancellableValue() async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let result: Result<Value, any Error>? = state.withLock { state in
                guard case .finished(let result) = state else {
                    state = .awaited(continuation)
                    return nil
                }
                state = .collected
                return result
            }
            if let result { continuation.resume(with: result) }
        }
    }

    /// As ``value()``, with an error of the caller's when it takes longer than `limit`.
    func value(within limit: Duration, otherwise error: @escaping @Sendable () -> any Error) async throws -> Value {
        let timer = Task {
            try await Task.sleep(for: limit)
            finish(.failure(error()))
        }
        defer { timer.cancel() }
        return try await value()
    }
}
