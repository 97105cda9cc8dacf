import CLibpq
import Synchronization

/// One session with the server, lent for the time of a closure.
///
/// Statements run one after the other, also when several tasks give them.
public final class PostgresConnection: Sendable {
    let link: Link
    private let isEnded = Atomic(false)

    init(_ link: Link) {
        self.link = link
    }

    /// The process identifier of the server's process for this session.
    public var backendProcess: Int32 { link.backendProcess }

    /// Runs one statement, which is prepared at its first use on this connection.
    @discardableResult
    public nonisolated(nonsending) func query(_ query: PostgresQuery) async throws -> PostgresResult {
        try checkIsLent()
        return try await link.run(query)
    }

    /// Runs several statements with one round trip. Outside of a transaction they are one: all have their effect, or
    /// none.
    public nonisolated(nonsending) func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresResult] {
        try checkIsLent()
        guard !queries.isEmpty else { return [] }
        let reply = await link.perform(.pipeline(queries), isCancellable: true)
        guard case .results(let results) = reply else { throw reply.error }
        return results
    }

    /// Runs the text of one or more statements, which takes no parameters.
    nonisolated(nonsending) func run(script: String) async throws {
        try checkIsLent()
        let reply = await link.perform(.script(script), isCancellable: true)
        guard case .result = reply else { throw reply.error }
    }

    var isInTransaction: Bool { link.transactionStatus == PQTRANS_INTRANS }

    /// Ends the loan: whoever kept the connection can do nothing with it.
    func end() {
        isEnded.store(true, ordering: .releasing)
    }

    func checkIsLent() throws {
        guard !isEnded.load(ordering: .acquiring) else {
            throw PostgresError(
                .usage, "the connection was given back", hint: "Use it only within the closure that it was lent to")
        }
    }
}
