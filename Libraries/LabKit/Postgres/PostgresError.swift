/// Why something asked of PostgreSQL did not happen.
public struct PostgresError: Error, Sendable {
    /// What kind of failure it is.
    public enum Kind: Sendable, Equatable {
        /// The server refused a statement; ``PostgresError/sqlState`` says why.
        case server
        /// The server cannot be reached, went away, or has no connection free.
        case unavailable
        /// A value is not of the type that it was read as.
        case decoding
        /// The module was used in a way that cannot work; nothing was sent.
        case usage
        /// A migration was refused or failed.
        case migration
    }

    public var kind: Kind
    /// The five characters of PostgreSQL's error codes (its appendix A), when the server gave them.
    public var sqlState: String?
    /// What was wrong, in one sentence.
    public var message: String
    /// What the server adds: the key that exists already, the row that is referenced.
    public var detail: String?
    /// What can be done about it.
    public var hint: String?
    /// The constraint that was violated.
    public var constraint: String?
    /// Where: the statement's text (never its parameters), the migration, or the server's address.
    public var place: String?

    init(
        _ kind: Kind, _ message: String, sqlState: String? = nil, detail: String? = nil, hint: String? = nil,
        constraint: String? = nil, place: String? = nil
    ) {
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
        self.detail = detail
        self.hint = hint
        self.constraint = constraint
        self.place = place
    }

    /// Whether the database is away for now: refused or lost connections, a server that starts or stops, a full pool.
    public var isUnavailable: Bool {
        if kind == .unavailable { return true }
        guard let sqlState else { return false }
        return sqlState.hasPrefix("08") || Self.absences.contains(sqlState)
    }

    /// Whether the same transaction may succeed when it is run again: a serialization failure or a deadlock.
    public var isRetryable: Bool {
        sqlState == "40001" || sqlState == "40P01"
    }

    /// admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections
    private static let absences: Set<String> = ["57P01", "57P02", "57P03", "53300"]
}

extension PostgresError: CustomStringConvertible {
    public var description: String {
        var text = message
        if let sqlState { text += " (SQLSTATE \(sqlState))" }
        if let detail { text += ". \(detail)" }
        if let place { text += ", in: \(place)" }
        if let hint { text += ". \(hint)" }
        return text
    }
}

extension PostgresError {
    static func unavailable(_ message: String, sqlState: String? = nil, place: String? = nil) -> PostgresError {
        PostgresError(
            .unavailable, message, sqlState: sqlState,
            hint: "Check that PostgreSQL runs and accepts connections there, then try again", place: place)
    }

    static let closed = PostgresError(
        .unavailable, "the client was shut down", hint: "Make a new PostgresClient, or use it before its shutdown")
}
