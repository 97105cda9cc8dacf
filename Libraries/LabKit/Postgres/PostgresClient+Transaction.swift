import LabCore
import Logging

/// How far transactions that run at once see one another (PostgreSQL's documentation, 13.2).
public enum PostgresIsolation: Sendable {
    case readCommitted
    case repeatableRead
    case serializable
}

extension PostgresClient {
    /// How often a transaction is tried before its serialization failure is the caller's.
    static let transactionAttempts = 10

    /// Runs a transaction: committed when the body returns, undone when it throws or the task is cancelled.
    ///
    /// After a serialization failure or a deadlock the body runs again, in a new transaction, so its effects outside
    /// of the database must bear that.
    ///
    /// - Throws: what the body threw; a ``PostgresError`` that is unavailable when the connection was lost, in which
    ///   case a commit may or may not have happened.
    @discardableResult
    public nonisolated(nonsending) func withTransaction<Result>(
        _ isolation: PostgresIsolation = .readCommitted, _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        var backoff = Backoff(initial: .milliseconds(5), maximum: .milliseconds(200))
        while true {
            do {
                return try await withConnection { try await $0.transaction(isolation, body) }
            } catch let error as PostgresError
                where error.isRetryable && backoff.attempt + 1 < Self.transactionAttempts
            {
                logger.debug("A transaction is run again", metadata: ["error": "\(error)"])
                try await Task.sleep(for: backoff.next())
            }
        }
    }
}

extension PostgresConnection {
    fileprivate nonisolated(nonsending) func transaction<Result>(
        _ isolation: PostgresIsolation, _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        switch isolation {
        case .readCommitted: try await query("begin")
        case .repeatableRead: try await query("begin isolation level repeatable read")
        case .serializable: try await query("begin isolation level serializable")
        }
        let result: Result
        do {
            result = try await body(self)
            try Task.checkCancellation()
        } catch {
            // Also when the task is cancelled. If it fails, the pool closes the connection, which undoes all as well.
            _ = try? await link.run("rollback", isCancellable: false)
            throw error
        }
        // Not stopped half-way: who is told that it was cancelled may rely on nothing having changed.
        let command = try await link.run("commit", isCancellable: false).command
        guard command != "ROLLBACK" else {
            throw PostgresError(
                .server, "the transaction was undone, because one of its statements had failed",
                sqlState: "25P02", hint: "Do not catch a statement's error within a transaction")
        }
        return result
    }
}
