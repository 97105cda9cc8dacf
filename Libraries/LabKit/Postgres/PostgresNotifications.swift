import LabCore
import Logging

/// What a listener is told.
public enum PostgresNotification: Sendable, Hashable {
    /// Listening has begun, or begun anew: what was notified before this may have been missed, so look for yourself.
    case listening
    /// A NOTIFY on one of the channels. It is delivered once, in the order of the commits.
    case received(channel: String, payload: String)
}

/// The notifications on some channels, over a connection of its own that is made anew whenever it is lost.
///
/// Each iteration listens by itself. It ends only with its task's cancellation.
public struct PostgresNotifications: AsyncSequence, Sendable {
    public typealias Element = PostgresNotification

    let configuration: PostgresConfiguration
    let channels: [String]
    let logger: Logger

    public func makeAsyncIterator() -> Iterator {
        Iterator(self)
    }

    public struct Iterator: AsyncIteratorProtocol {
        private let sequence: PostgresNotifications
        private var connection: ListeningConnection?
        private var received: ArraySlice<PostgresNotification> = []
        private var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))

        init(_ sequence: PostgresNotifications) {
            self.sequence = sequence
        }

        /// The next notification; nil once the task is cancelled.
        ///
        /// - Throws: a ``PostgresError`` of kind usage when a channel's name is not one, before anything else.
        public mutating func next() async throws -> PostgresNotification? {
            if let next = received.popFirst() { return next }
            let statements = try sequence.listenStatements()
            while !Task.isCancelled {
                do {
                    if let connection {
                        received = try await connection.link.nextNotifications()[...]
                        if let next = received.popFirst() { return next }
                    } else {
                        connection = try await sequence.listen(statements)
                        backoff.reset()
                        return .listening
                    }
                } catch {
                    connection = nil
                    if Task.isCancelled { break }
                    if backoff.attempt == 0 {
                        sequence.logger.warning("Listening was interrupted", metadata: ["error": "\(error)"])
                    }
                    try? await Task.sleep(for: backoff.next())
                }
            }
            connection = nil
            return nil
        }
    }

    private func listenStatements() throws -> [PostgresQuery] {
        do {
            return try channels.map { "listen \(identifier: try PostgresIdentifier($0))" }
        } catch let error as InvalidText {
            throw PostgresError(.usage, error.detail, hint: error.remedy)
        }
    }

    private func listen(_ statements: [PostgresQuery]) async throws -> ListeningConnection {
        let connection = ListeningConnection(try await Link.connect(configuration, LinkContext(logger: logger)))
        let reply = await connection.link.perform(.pipeline(statements), isCancellable: true)
        guard case .results = reply else { throw reply.error }
        return connection
    }
}

/// Owns the connection of one iteration, and closes it when the iteration is given up.
private final class ListeningConnection: Sendable {
    let link: Link

    init(_ link: Link) {
        self.link = link
    }

    deinit {
        link.close()
    }
}

extension PostgresClient {
    /// The notifications on channels, from now on, across reconnects; see ``PostgresNotification/listening``.
    public func notifications(on channels: [String]) -> PostgresNotifications {
        PostgresNotifications(configuration: pool.configuration, channels: channels, logger: logger)
    }
}
