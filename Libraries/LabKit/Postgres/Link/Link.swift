import CLibpq
import Logging
import Synchronization

/// One connection to the server: the only owner of its `PGconn`, which is freed once.
///
/// An order is sent by the task that gives it, on its own thread and under the lock. The task looks for the answer itself,
/// at once and then a few times more, after it has let others run: where many tasks have statements under way, it is there
/// by then, and nobody had to be woken. If it is not, the reactor's thread receives and resumes the task. Orders that come while another is
/// under way wait for their turn.
final class Link: Sendable {
    /// Unique in this process, for ever.
    let number: UInt64
    let backendProcess: Int32
    private let state: Mutex<LinkState>
    private let canceller: Canceller
    private let context: LinkContext
    private let tokens = Atomic<UInt64>(0)

    private static let numbers = Atomic<UInt64>(0)

    /// Takes over a connection that was made.
    init(_ connected: Connected, _ context: LinkContext) throws(PostgresError) {
        let number = Self.numbers.wrappingAdd(1, ordering: .relaxed).newValue
        let handle = connected.handle
        self.number = number
        self.context = context
        canceller = Canceller(handle)
        backendProcess = PQbackendPID(handle)
        let socket = PQsocket(handle)
        PQsetnonblocking(handle, 1)
        // The context outlives the handle: both are properties of this object, and the handle is finished first.
        PQsetNoticeReceiver(
            handle,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<LinkContext>.fromOpaque(context).takeUnretainedValue().logNotice(result)
            }, Unmanaged.passUnretained(context).toOpaque())
        state = Mutex(LinkState(handle: connected.take(), number: number))
        guard Reactor.shared.add(self, socket: socket) else {
            close()
            throw .unavailable("the system has no file descriptor left for a connection")
        }
    }

    deinit {
        state.withLock { $0.finish() }
    }

    /// Whether it is connected, at rest, and outside of any transaction: fit for the next user.
    var isFit: Bool { state.withLock { $0.isIdle } }

    var transactionStatus: PGTransactionStatusType {
        state.withLock { state in state.handle.map { PQtransactionStatus($0) } ?? PQTRANS_UNKNOWN }
    }

    // MARK: Orders

    /// Runs a statement.
    ///
    /// - Parameter isCancellable: false for what must be done even when the task is cancelled, such as a rollback.
    nonisolated(nonsending) func run(
        _ query: PostgresQuery, isCancellable: Bool = true
    ) async throws -> PostgresResult {
        let reply = await perform(.query(query), isCancellable: isCancellable)
        if case .result(let result) = reply { return result }
        let error = reply.error
        if let error = error as? PostgresError, error.isOutdatedStatement {
            // A table was altered, or the session reset, after the statement was prepared.
            let isFresh = state.withLock { state in
                state.statements.remove(query.sql)
                return state.isIdle
            }
            if isFresh, case .result(let result) = await perform(.query(query), isCancellable: isCancellable) {
                return result
            }
        }
        throw error
    }

    /// Runs an order to its end; the connection is in a known state afterwards, or closed.
    nonisolated(nonsending) func perform(_ order: Order, isCancellable: Bool) async -> Reply {
        while true {
            let token = tokens.wrappingAdd(1, ordering: .relaxed).newValue
            let reply: Reply
            if isCancellable {
                reply = await withTaskCancellationHandler {
                    await exchange(order, token: token, isCancellable: true)
                } onCancel: {
                    cancel(token)
                }
            } else {
                reply = await exchange(order, token: token, isCancellable: false)
            }
            guard case .busy = reply else { return reply }
            await turn()
        }
    }

    private nonisolated(nonsending) func exchange(_ order: Order, token: UInt64, isCancellable: Bool) async -> Reply {
        if let refusal = begin(order, token: token, isCancellable: isCancellable) { return refusal }
        if let reply = look(token, atOnce: true) { return reply }
        // On an executor of its own a task would pay for each look with two changes of thread.
        if withUnsafeCurrentTask(body: { $0?.unownedTaskExecutor }) == nil {
            for _ in 0..<Self.looks {
                await Task.yield()
                if let reply = look(token, atOnce: false) { return reply }
            }
        }
        return await withUnsafeContinuation { wait(token, $0) }
    }

    /// How often a task looks for its answer before it sleeps: measured, of 1 to 16. A look that is in vain costs two
    /// microseconds.
    private static let looks = 8

    /// - Returns: why the order was not sent; nil when it was.
    private func begin(_ order: Order, token: UInt64, isCancellable: Bool) -> Reply? {
        state.withLock { state in
            // Looked at under the lock: a cancellation after this finds the exchange, and ends it on the server.
            if isCancellable, Task.isCancelled { return .cancelled }
            if state.exchange != nil { return .busy }
            guard let error = state.send(order, token: token) else { return nil }
            if error.isUnavailable {
                state.fail(error)
                state.finish()
            }
            return .failure(error)
        }
    }

    /// The answer, if the socket has it.
    ///
    /// - Parameter atOnce: whether the task has let nobody run since the order was sent. Busy systems let the server run
    ///   during the sending, so that the answer is often there; but others must have their turn as well.
    private func look(_ token: UInt64, atOnce: Bool) -> Reply? {
        var over = Ending()
        var isLost = false
        let reply: Reply? = state.withLock { state in
            if atOnce, state.answersAtOnce >= Self.answersAtOnce {
                state.answersAtOnce = 32
                return nil
            }
            if state.exchange?.isAnswered == false { isLost = over.receive(&state) }
            let reply = over.takeOutcome(token, &state)
            state.answersAtOnce = atOnce && reply != nil ? state.answersAtOnce + 1 : 0
            return reply
        }
        over.resume()
        if isLost { context.onLoss(self) }
        return reply
    }

    /// How many answers in a row a connection may have at once, before its task lets others run all the same.
    private static let answersAtOnce = 32

    /// Resumes a task when the answer is there.
    private func wait(_ token: UInt64, _ continuation: UnsafeContinuation<Reply, Never>) {
        var over = Ending()
        let reply: Reply? = state.withLock { state in
            if let reply = over.takeOutcome(token, &state) { return reply }
            state.exchange?.waiter = continuation
            // Armed also when the answer came since the last look: the event is told of at once then.
            if !state.isArmed { state.arm() }
            return nil
        }
        over.resume()
        if let reply { continuation.resume(returning: reply) }
    }

    /// Waits until the exchange under way is over.
    private nonisolated(nonsending) func turn() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.exchange == nil { return true }
                state.turns.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    // MARK: Events

    /// Called by the reactor, which tells of no other event before it is asked to.
    ///
    /// - Returns: whether it was asked to.
    func socketIsReady(forOutput isWritable: Bool) -> Bool {
        var over = Ending()
        var isLost = false
        let isArmed = state.withLock { state in
            state.disarm()
            if isWritable { state.flush() }
            isLost = over.receive(&state)
            if state.isAwaited, !state.isArmed { state.arm() }
            return state.isArmed
        }
        over.resume()
        if isLost { context.onLoss(self) }
        return isArmed
    }

    /// Has the reactor tell of the next event, such as the loss of a connection that nobody uses.
    func arm() {
        state.withLock { state in
            if !state.isArmed { state.arm() }
        }
    }

    /// Closes the connection; what is under way fails.
    func close(because error: PostgresError = .closed) {
        var over = Ending()
        state.withLock { state in
            state.fail(error)
            state.finish()
            if state.exchange?.isAnswered == false { over.exchange(&state) }
            over.others += [state.outputWaiter, state.notifications.waiter].compactMap { $0 }
            state.outputWaiter = nil
            state.notifications.waiter = nil
        }
        over.resume()
    }

    // MARK: Cancelling

    /// How often, a quarter of a second apart, the server is asked before the connection is given up.
    private static let cancelAttempts = 40

    /// Asks the server to stop the exchange, again and again, since a request that comes before its statement is lost.
    private func cancel(_ token: UInt64, attempt: Int = 0) {
        let isDue = state.withLock { state in
            guard state.exchange?.token == token, state.exchange?.isAnswered == false, !state.isCancelling else {
                return false
            }
            state.exchange?.isCancelled = true
            state.isCancelling = true
            return true
        }
        guard isDue else { return }
        BlockingThread.start { [self] in
            canceller.cancel()
            var over = Ending()
            let isRunning = state.withLock { state in
                state.isCancelling = false
                // A request that arrives late must not hit the next statement, so the outcome has waited for it.
                if state.exchange?.held != nil { over.exchange(&state) }
                return state.exchange?.token == token && state.exchange?.isAnswered == false
            }
            over.resume()
            guard isRunning else { return }
            if attempt >= Self.cancelAttempts {
                return close(because: .unavailable("the server did not stop a cancelled statement"))
            }
            Task {
                try? await Task.sleep(for: .milliseconds(250))
                cancel(token, attempt: attempt + 1)
            }
        }
    }

    // MARK: Copying

    /// Hands over rows, and waits while the socket takes no more.
    nonisolated(nonsending) func sendCopyData(_ bytes: [UInt8]) async throws {
        let error: PostgresError? = state.withLock { state in
            guard let handle = state.handle else { return state.failure ?? .closed }
            let isTaken = bytes.withUnsafeBytes { bytes in
                PQputCopyData(
                    handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count)) == 1
            }
            guard isTaken else {
                return .unavailable("rows could not be sent: \(String(cString: PQerrorMessage(handle)).trimmedLines)")
            }
            state.flush()
            return nil
        }
        if let error { throw error }
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if !state.watchesOutput || state.failure != nil { return true }
                state.outputWaiter = continuation
                if !state.isArmed { state.arm() }
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    // MARK: Notifications

    /// Waits for notifications; empty when the task is cancelled.
    ///
    /// - Throws: a ``PostgresError`` when the connection is lost.
    nonisolated(nonsending) func nextNotifications() async throws(PostgresError) -> [PostgresNotification] {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isFree = state.withLock { state in
                    if !state.notifications.isEmpty || state.failure != nil || Task.isCancelled { return true }
                    state.notifications.waiter = continuation
                    if !state.isArmed { state.arm() }
                    return false
                }
                if isFree { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.notifications.waiter
                state.notifications.waiter = nil
                return waiter
            }
            waiter?.resume()
        }
        let taken = state.withLock { state -> Result<[PostgresNotification], PostgresError> in
            let notifications = state.notifications.take()
            if notifications.isEmpty, let failure = state.failure { return .failure(failure) }
            return .success(notifications)
        }
        return try taken.get()
    }
}

/// Who is to be resumed once the lock is released.
private struct Ending {
    private var reply: (continuation: UnsafeContinuation<Reply, Never>, reply: Reply)?
    var others: [CheckedContinuation<Void, Never>] = []

    /// Takes what the socket has.
    ///
    /// - Returns: whether the connection is found to be lost.
    mutating func receive(_ state: inout LinkState) -> Bool {
        var isLost = false
        let isOver = state.receive()
        if state.failure != nil {
            isLost = state.handle != nil
            state.finish()
        }
        if isOver { exchange(&state) }
        if !state.watchesOutput || state.failure != nil, let waiter = state.outputWaiter {
            state.outputWaiter = nil
            others.append(waiter)
        }
        if !state.notifications.isEmpty || state.failure != nil, let waiter = state.notifications.waiter {
            state.notifications.waiter = nil
            others.append(waiter)
        }
        return isLost
    }

    /// Ends the exchange under way, unless a cancel request for it is still on its way.
    mutating func exchange(_ state: inout LinkState) {
        // In place: a copy of the exchange would count a dozen references.
        guard let reply = state.exchange?.held ?? state.exchange?.reply() else { return }
        if state.isCancelling {
            state.exchange?.held = reply
            return
        }
        guard let waiter = state.exchange?.waiter else {
            state.exchange?.held = nil
            state.exchange?.outcome = reply
            return
        }
        self.reply = (waiter, reply)
        free(&state)
    }

    /// Takes the outcome of an exchange that is over.
    mutating func takeOutcome(_ token: UInt64, _ state: inout LinkState) -> Reply? {
        guard state.exchange?.token == token, let outcome = state.exchange?.outcome else { return nil }
        free(&state)
        return outcome
    }

    private mutating func free(_ state: inout LinkState) {
        state.exchange = nil
        if !state.turns.isEmpty {
            others += state.turns
            state.turns = []
        }
    }

    consuming func resume() {
        if let reply { reply.continuation.resume(returning: reply.reply) }
        for other in others { other.resume() }
    }
}

extension Reply {
    /// The error of a reply that is no result.
    var error: any Error {
        switch self {
        case .failure(let error): error
        case .cancelled: CancellationError()
        case .result, .results, .copying, .busy: PostgresError(.usage, "the answer is of another kind than the order")
        }
    }
}

extension PostgresError {
    /// feature_not_supported (“cached plan must not change result type”), invalid_sql_statement_name
    fileprivate var isOutdatedStatement: Bool { sqlState == "0A000" || sqlState == "26000" }
}
