import Synchronization

/// One question on its way and the task that waits. Whatever ends it first counts; the continuation is resumed once.
final class PendingQuestion: Sendable {
    private enum State {
        case new
        case waiting(CheckedContinuation<DNSAnswer, any Error>)
        case ended(Result<DNSAnswer, any Error>)
    }

    let question: DNSQuestion
    private let state = Mutex(State.new)

    init(_ question: DNSQuestion) {
        self.question = question
    }

    /// The task begins to wait; where the end came before, it waits no longer.
    func wait(_ continuation: CheckedContinuation<DNSAnswer, any Error>) {
        let ended: Result<DNSAnswer, any Error>? = state.withLock { state in
            if case .ended(let result) = state { return result }
            state = .waiting(continuation)
            return nil
        }
        if let ended { continuation.resume(with: ended) }
    }

    func end(_ result: Result<DNSAnswer, any Error>) {
        let waiter: CheckedContinuation<DNSAnswer, any Error>? = state.withLock { state in
            switch state {
            case .ended: return nil
            case .new:
                state = .ended(result)
                return nil
            case .waiting(let continuation):
                state = .ended(result)
                return continuation
            }
        }
        waiter?.resume(with: result)
    }
}
