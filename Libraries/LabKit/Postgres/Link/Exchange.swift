/// What a connection is asked to do, one at a time.
enum Order: Sendable {
    case query(PostgresQuery)
    /// Several statements with one answer, in one implicit transaction.
    case pipeline([PostgresQuery])
    /// The text of one or more statements, by the simple protocol.
    case script(String)
    /// `COPY … FROM STDIN`
    case copy(String)
    /// The end of the copied rows, or why there are no more.
    case copyEnd(failure: String?)
}

/// What came of an order.
enum Reply: Sendable {
    case result(PostgresResult)
    case results([PostgresResult])
    /// The server takes rows.
    case copying
    case failure(PostgresError)
    /// The task was cancelled: nothing was sent, or the server stopped the statement.
    case cancelled
    /// Another order is under way.
    case busy
}

/// An order that was sent, and what has been answered so far.
struct Exchange {
    /// What the next answer belongs to, in pipeline mode.
    enum Step {
        case deallocate(name: String)
        case prepare(sql: String, name: String)
        case execute(index: Int)
        case sync
    }

    let token: UInt64
    /// Who is resumed when it is over; nil as long as its task looks by itself.
    var waiter: UnsafeContinuation<Reply, Never>?
    /// Empty outside of pipeline mode.
    var steps: [Step] = []
    var position = 0
    var isPipeline = false
    /// Whether the answer is a list.
    var isList = false
    /// Whether it is our own COPY, so that the server may ask for rows.
    var isCopy = false
    /// Whether the server waits for rows now.
    var isTakingRows = false
    /// The text of the statement, for messages; of a pipeline, of each.
    var sql: String = ""
    var statements: [String] = []
    var result: PostgresResult?
    var results: [PostgresResult] = []
    var error: PostgresError?
    /// Whether the caller's task was cancelled and the server asked to stop.
    var isCancelled = false
    /// The outcome, when it is there but must wait for a cancel request under way.
    var held: Reply?
    /// The outcome, when it is there before anyone waits for it.
    var outcome: Reply?

    init(token: UInt64) {
        self.token = token
    }

    /// Whether the server has answered all of it.
    var isAnswered: Bool { held != nil || outcome != nil }

    var step: Step? {
        position < steps.count ? steps[position] : nil
    }

    /// The text that an error belongs to.
    var failingStatement: String {
        guard isPipeline else { return sql }
        switch step {
        case .execute(let index): return statements[index]
        case .prepare(let sql, _): return sql
        default: return statements.first ?? sql
        }
    }

    func reply() -> Reply {
        // query_canceled, because we asked for it
        if isCancelled, error?.sqlState == "57014" { return .cancelled }
        if let error { return .failure(error) }
        if isTakingRows { return .copying }
        if isList { return .results(results) }
        if let result { return .result(result) }
        return .failure(PostgresError(.server, "the server gave no result", place: sql))
    }
}
