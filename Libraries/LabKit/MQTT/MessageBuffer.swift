import Synchronization

/// Hands messages from the network thread to the one task that reads a subscription.
///
/// It never refuses a message; the thread asks ``isFull`` before it reads more from the socket, and `onDrained` wakes
/// it when the reader has taken half. What one read of the socket brings may lie above the capacity.
final class MessageBuffer: Sendable {
    private struct State {
        var messages: [MQTTMessage?] = []
        var head = 0
        var isFull = false
        var peak = 0
        var end: Result<Void, any Error>?
        var reader: Ticket<Void>?

        var count: Int { messages.count - head }

        mutating func takeFirst() -> MQTTMessage? {
            guard head < messages.count else { return nil }
            let message = messages[head]
            messages[head] = nil
            head += 1
            if head == messages.count {
                messages.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= 256, head > messages.count / 2 {
                messages.removeFirst(head)
                head = 0
            }
            return message
        }
    }

    let capacity: Int
    private let state = Mutex(State())
    private let onDrained: @Sendable () -> Void

    init(capacity: Int, onDrained: @escaping @Sendable () -> Void) {
        self.capacity = max(1, capacity)
        self.onDrained = onDrained
    }

    var isFull: Bool { state.withLock { $0.isFull } }

    /// The most messages that have lain here at once.
    var peak: Int { state.withLock { $0.peak } }

    func append(_ message: MQTTMessage) {
        let reader = state.withLock { state -> Ticket<Void>? in
            guard state.end == nil else { return nil }
            state.messages.append(message)
            state.peak = max(state.peak, state.count)
            if state.count >= capacity { state.isFull = true }
            return state.reader.take()
        }
        reader?.finish(.success(()))
    }

    /// After the messages that are here the reader gets this end. The first end counts.
    func finish(_ end: Result<Void, any Error>) {
        let reader = state.withLock { state -> Ticket<Void>? in
            if state.end == nil { state.end = end }
            return state.reader.take()
        }
        reader?.finish(.success(()))
    }

    func next() async throws -> MQTTMessage? {
        while true {
            let ticket = Ticket<Void>()
            let (message, end, isDrained) = state.withLock { state -> (MQTTMessage?, Result<Void, any Error>?, Bool) in
                guard let message = state.takeFirst() else {
                    if state.end == nil { state.reader = ticket }
                    return (nil, state.end, false)
                }
                let isDrained = state.isFull && state.count <= capacity / 2
                if isDrained { state.isFull = false }
                return (message, nil, isDrained)
            }
            if isDrained { onDrained() }
            if let message { return message }
            if let end {
                try end.get()
                return nil
            }
            try await ticket.value()
        }
    }
}

/// The messages of one subscription, in the order in which the broker sent them. For one reader.
///
/// At most about `bufferSize` wait for the reader. Beyond that nothing is read from the broker, which then keeps the
/// messages with QoS 1 and 2, as many as it is set up to keep for a client (Mosquitto: `max_queued_messages`).
public struct MQTTMessages: AsyncSequence, Sendable {
    public typealias Element = MQTTMessage
    public typealias Failure = any Error

    let buffer: MessageBuffer

    public struct AsyncIterator: AsyncIteratorProtocol {
        let buffer: MessageBuffer

        /// The next message. Throws ``MQTTError`` when the client stops or the broker takes the subscription back, and
        /// `CancellationError` when the task is cancelled.
        public mutating func next() async throws -> MQTTMessage? {
            try await buffer.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(buffer: buffer)
    }
}
