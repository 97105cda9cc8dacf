import CLibpq
import Glibc

/// The part of a connection that is guarded by its lock: the `PGconn`, and what it is doing.
///
/// Nothing here waits: libpq is in non-blocking mode, and results are fetched only when it says that they are there.
struct LinkState {
    /// Owned here; nil once it was finished.
    var handle: OpaquePointer?
    let socket: Int32
    let number: UInt64
    var statements = StatementCache()
    var exchange: Exchange?
    /// Those who wait until the exchange under way is over.
    var turns: [CheckedContinuation<Void, Never>] = []
    /// Who waits until libpq's buffer of output is empty.
    var outputWaiter: CheckedContinuation<Void, Never>?
    var watchesOutput = false
    /// Whether the reactor will tell of the next event. It does so once; a task that finds its answer by itself spares it.
    private(set) var isArmed = true
    /// How many answers in a row were there at once, so that their task has not let others run.
    var answersAtOnce = 0
    /// Whether a thread is in PQcancel for the exchange.
    var isCancelling = false
    var notifications = NotificationBuffer()
    /// Why the connection cannot be used any more.
    var failure: PostgresError?

    init(handle: OpaquePointer, number: UInt64) {
        self.handle = handle
        self.number = number
        socket = PQsocket(handle)
    }

    var isIdle: Bool {
        guard let handle, exchange == nil, failure == nil else { return false }
        return PQtransactionStatus(handle) == PQTRANS_IDLE
    }

    // MARK: Sending

    /// Sends an order; the exchange is there afterwards, unless this failed.
    mutating func send(_ order: Order, token: UInt64) -> PostgresError? {
        if let failure { return failure }
        guard let handle else { return .closed }
        var exchange = Exchange(token: token)
        let isSent: Bool
        switch order {
        case .query(let query):
            exchange.sql = query.sql
            if let name = statements.name(for: query) {
                isSent = query.sendPrepared(name, on: handle)
            } else {
                exchange.statements = [query.sql]
                isSent = sendPipeline([query], &exchange, on: handle)
            }
        case .pipeline(let queries):
            exchange.isList = true
            exchange.statements = queries.map(\.sql)
            isSent = sendPipeline(queries, &exchange, on: handle)
        case .script(let text):
            exchange.sql = text
            isSent = PQsendQuery(handle, text) == 1
        case .copy(let text):
            exchange.sql = text
            exchange.isCopy = true
            isSent = PQsendQuery(handle, text) == 1
        case .copyEnd(let failure):
            exchange.sql = "copy"
            isSent = PQputCopyEnd(handle, failure) == 1
        }
        guard isSent else {
            let message = String(cString: PQerrorMessage(handle)).trimmedLines
            if PQstatus(handle) == CONNECTION_BAD || exchange.isPipeline {
                // A pipeline that was begun and not sent whole leaves the connection in an unknown state.
                return .unavailable("the connection was lost: \(message)")
            }
            return PostgresError(.usage, message, hint: "Change the statement", place: exchange.sql)
        }
        self.exchange = exchange
        flush()
        return nil
    }

    /// Prepares what is not prepared yet, executes all, and ends with one synchronization.
    private mutating func sendPipeline(
        _ queries: [PostgresQuery], _ exchange: inout Exchange, on handle: OpaquePointer
    ) -> Bool {
        exchange.isPipeline = true
        guard PQenterPipelineMode(handle) == 1 else { return false }
        // Apart from the rest, which therefore neither fails with it nor joins its transaction.
        let abandoned = statements.takeAbandoned()
        for name in abandoned {
            guard PQsendQueryParams(handle, "deallocate \(name)", 0, nil, nil, nil, nil, 0) == 1 else { return false }
            exchange.steps.append(.deallocate(name: name))
        }
        if !abandoned.isEmpty {
            guard PQpipelineSync(handle) == 1 else { return false }
            exchange.steps.append(.sync)
        }
        for (index, query) in queries.enumerated() {
            let name: String
            if let known = statements.name(for: query) {
                name = known
            } else {
                name = statements.add(query)
                guard query.sendPrepare(name, on: handle) else { return false }
                exchange.steps.append(.prepare(sql: query.sql, name: name))
            }
            guard query.sendPrepared(name, on: handle) else { return false }
            exchange.steps.append(.execute(index: index))
        }
        guard PQpipelineSync(handle) == 1 else { return false }
        exchange.steps.append(.sync)
        return true
    }

    /// Hands libpq's output to the socket, as much as it takes; the rest when the reactor says so.
    mutating func flush() {
        guard let handle else { return }
        // A failed write is not acted upon here: reading tells why, and what the server had to say.
        let isPending = PQflush(handle) == 1
        if isPending != watchesOutput {
            watchesOutput = isPending
            arm()
        }
    }

    // MARK: Events

    /// Has the reactor tell of the next event.
    mutating func arm() {
        guard let handle, PQsocket(handle) >= 0 else { return }
        isArmed = true
        Reactor.shared.watch(number, socket: socket, forOutput: watchesOutput)
    }

    /// The reactor has told of an event, and tells of no other.
    mutating func disarm() {
        isArmed = false
    }

    /// Whether somebody sleeps until an event.
    var isAwaited: Bool {
        watchesOutput || exchange?.waiter != nil || notifications.waiter != nil || outputWaiter != nil
    }

    // MARK: Receiving

    /// Takes what the socket has.
    ///
    /// - Returns: whether the exchange under way is over.
    mutating func receive() -> Bool {
        guard let handle else { return false }
        let isAlive = PQconsumeInput(handle) == 1
        var isOver = false
        if exchange?.isAnswered == false {
            isOver = isAlive ? advance(handle) : takeLastWords(handle)
        }
        // Also makes libpq look at what comes unasked: notifications, notices.
        while let notification = PQnotifies(handle) {
            notifications.append(
                channel: String(cString: notification.pointee.relname),
                payload: String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        if !isAlive || PQstatus(handle) == CONNECTION_BAD {
            let message = String(cString: PQerrorMessage(handle)).trimmedLines
            fail(.unavailable("the connection was lost: \(message)"))
            return exchange?.isAnswered == false
        }
        return isOver
    }

    /// Ends the use of the connection; an exchange under way gets its error, if it has none of its own.
    mutating func fail(_ error: PostgresError) {
        if failure == nil { failure = error }
        if exchange != nil, exchange?.error == nil { exchange?.error = error }
    }

    /// Closes the connection for good.
    mutating func finish() {
        guard let handle else { return }
        self.handle = nil
        // libpq has closed the socket itself when the connection was lost, and its number may be another's by now.
        Reactor.shared.remove(number, socket: PQsocket(handle))
        PQfinish(handle)
    }

    /// Takes the results that are there; true when they were the last.
    private mutating func advance(_ handle: OpaquePointer) -> Bool {
        while PQisBusy(handle) == 0 {
            if let result = PQgetResult(handle) {
                switch take(result, handle) {
                case .more: continue
                case .over: return true
                }
            }
            // No result is the end of one statement's results.
            guard exchange?.isPipeline == true else { return true }
            exchange?.position += 1
        }
        return false
    }

    /// The error that a server sends before it goes. A dead connection never makes libpq wait.
    private mutating func takeLastWords(_ handle: OpaquePointer) -> Bool {
        for _ in 0..<16 {
            guard let result = PQgetResult(handle) else { continue }
            if PQresultStatus(result) == PGRES_FATAL_ERROR, exchange?.error == nil {
                exchange?.error = PostgresError(result, statement: "")
            }
            PQclear(result)
        }
        return true
    }

    private enum Progress {
        case more
        case over
    }

    private mutating func take(_ result: OpaquePointer, _ handle: OpaquePointer) -> Progress {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            keep(PostgresResult(storage: ResultStorage(result)))
            return .more
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            exchange?.position += 1
            guard exchange?.step == nil else { return .more }
            PQexitPipelineMode(handle)
            return .over
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            giveUpStep()
            return .more
        case PGRES_COPY_IN where exchange?.isCopy == true:
            PQclear(result)
            exchange?.isTakingRows = true
            return .over
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            PQclear(result)
            // There is no way back to a known state but a new connection.
            fail(
                PostgresError(
                    .usage, "COPY cannot be asked for as a query", hint: "Use copyIn(_:columns:rows:)",
                    place: exchange?.failingStatement))
            return .over
        default:
            let error = PostgresError(result, statement: exchange?.failingStatement ?? "")
            PQclear(result)
            if case .deallocate = exchange?.step {
                giveUpStep()
                return .more
            }
            giveUpStep()
            if exchange?.error == nil { exchange?.error = error }
            return .more
        }
    }

    private mutating func keep(_ result: PostgresResult) {
        guard exchange?.isPipeline == true else {
            exchange?.result = result
            return
        }
        guard case .execute = exchange?.step else { return }
        if exchange?.isList == true { exchange?.results.append(result) } else { exchange?.result = result }
    }

    /// The step under way failed, or is passed over after another's failure.
    private mutating func giveUpStep() {
        switch exchange?.step {
        case .prepare(let sql, let name): statements.forget(sql, name: name)
        case .deallocate(let name): statements.stillAbandoned(name)
        default: break
        }
    }
}

extension PostgresQuery {
    /// Sends the text to be prepared under a name.
    func sendPrepare(_ name: String, on handle: OpaquePointer) -> Bool {
        withUnsafeTemporaryAllocation(of: Oid.self, capacity: max(parameters.count, 1)) { types in
            for (index, parameter) in parameters.enumerated() { types[index] = parameter.type.identifier }
            return PQsendPrepare(handle, name, sql, Int32(parameters.count), types.baseAddress) == 1
        }
    }

    /// Sends the values for a prepared statement; results are asked for in text form.
    func sendPrepared(_ name: String, on handle: OpaquePointer) -> Bool {
        let count = parameters.count
        guard count > 0 else { return PQsendQueryPrepared(handle, name, 0, nil, nil, nil, 0) == 1 }
        return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { pointers in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: count * 2) { numbers in
                values.withUnsafeBufferPointer { values in
                    for (index, parameter) in parameters.enumerated() {
                        let start = values.baseAddress.map { UnsafeRawPointer($0) + Int(parameter.offset) }
                        pointers[index] = parameter.length < 0 ? nil : start?.assumingMemoryBound(to: CChar.self)
                        numbers[index] = parameter.length
                        numbers[count + index] = parameter.isBinary ? 1 : 0
                    }
                    return PQsendQueryPrepared(
                        handle, name, Int32(count), pointers.baseAddress, numbers.baseAddress,
                        numbers.baseAddress.map { $0 + count }, 0) == 1
                }
            }
        }
    }
}

extension PostgresError {
    /// Reads a result that is an error.
    init(_ result: OpaquePointer, statement: String) {
        func field(_ code: Unicode.Scalar) -> String? {
            PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
        }
        // The codes are those of PG_DIAG_* in postgres_ext.h.
        let message = field("M") ?? String(cString: PQresultErrorMessage(result)).trimmedLines
        self.init(
            field("C") == nil ? .unavailable : .server, message, sqlState: field("C"), detail: field("D"),
            hint: field("H"), constraint: field("n"), place: statement.isEmpty ? nil : statement)
    }
}

extension String {
    /// One line, without the line ends that libpq puts behind its messages.
    var trimmedLines: String {
        split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
