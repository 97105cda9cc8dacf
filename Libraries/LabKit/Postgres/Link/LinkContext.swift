import CLibpq
import Logging

/// What a connection tells its owner.
final class LinkContext: Sendable {
    private let logger: Logger
    /// Called once, when the connection is lost (not when it is closed by us).
    let onLoss: @Sendable (Link) -> Void

    init(logger: Logger, onLoss: @escaping @Sendable (Link) -> Void = { _ in }) {
        self.logger = logger
        self.onLoss = onLoss
    }

    /// A NOTICE or WARNING of the server.
    func logNotice(_ result: OpaquePointer) {
        logger.debug("PostgreSQL: \(PostgresError(result, statement: "").message)")
    }
}
