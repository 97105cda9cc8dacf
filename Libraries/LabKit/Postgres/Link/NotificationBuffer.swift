/// Notifications that arrived and were not taken yet; when there are too many, all are given up and that is said.
struct NotificationBuffer {
    static let limit = 16_384

    private(set) var isOverrun = false
    private var received: [PostgresNotification] = []
    /// Who waits for the next one.
    var waiter: CheckedContinuation<Void, Never>?

    var isEmpty: Bool { received.isEmpty && !isOverrun }

    mutating func append(channel: String, payload: String) {
        guard !isOverrun else { return }
        guard received.count < Self.limit else {
            received = []
            isOverrun = true
            return
        }
        received.append(.received(channel: channel, payload: payload))
    }

    /// Empties the buffer. After an overrun the one element is `.listening`: some may have been missed.
    mutating func take() -> [PostgresNotification] {
        defer {
            received = []
            isOverrun = false
        }
        return isOverrun ? [.listening] : received
    }
}
