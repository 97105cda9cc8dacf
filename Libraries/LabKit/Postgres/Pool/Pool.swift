import LabCore
import Logging
import Synchronization

/// The connections of a client: at most so many, made when they are needed, kept for the next.
final class Pool: Sendable {
    private typealias Waiter = CheckedContinuation<Link, any Error>

    let configuration: PostgresConfiguration
    let logger: Logger
    private let state: Mutex<PoolState<Link, Waiter>>
    private let isTiming = Mutex(false)
    private let tasks = Mutex<[Int: Task<Void, Never>]>([:])

    init(_ configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        state = Mutex(PoolState(limit: configuration.maximumConnections))
    }

    var statistics: PostgresStatistics {
        state.withLock { state in
            PostgresStatistics(open: state.open, idle: state.idle.count, waiting: state.waiting)
        }
    }

    /// Takes a free connection, if there is one.
    func take() -> Link? {
        state.withLock { $0.take() }
    }

    /// Waits for a connection.
    ///
    /// - Throws: a ``PostgresError`` that is unavailable when the time is up or the client was shut down; the server's
    ///   refusal, such as of the password; `CancellationError`.
    nonisolated(nonsending) func wait(atMost timeout: Duration) async throws -> Link {
        try Task.checkCancellation()
        let place = Mutex<UInt64?>(nil)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let deadline = ContinuousClock.now + timeout
                let outcome: (link: Link?, connects: Bool, isShutDown: Bool) = state.withLock { state in
                    if state.isShutDown { return (nil, false, true) }
                    if let link = state.take() { return (link, false, false) }
                    let (number, connects) = state.wait(continuation, until: deadline)
                    place.withLock { $0 = number }
                    return (nil, connects, false)
                }
                if outcome.isShutDown { return continuation.resume(throwing: PostgresError.closed) }
                if let link = outcome.link { return continuation.resume(returning: link) }
                if outcome.connects { connect() }
                startTimer()
                // A cancellation before the place was known had nothing to take out.
                if Task.isCancelled { leave(place) }
            }
        } onCancel: {
            leave(place)
        }
    }

    private func leave(_ place: borrowing Mutex<UInt64?>) {
        guard let number = place.withLock({ $0 }) else { return }
        state.withLock { $0.leave(number) }?.resume(throwing: CancellationError())
    }

    /// Gives a connection back; one that is not fit for others is closed.
    func release(_ link: Link) {
        let isFit = link.isFit
        let now = ContinuousClock.now
        let (waiter, isKept, connects) = state.withLock { state in
            let (waiter, isKept) = state.release(link, isFit: isFit, at: now)
            return (waiter, isKept, !isKept && state.startConnecting())
        }
        waiter?.resume(returning: link)
        if !isKept { link.close() }
        if connects { connect() }
    }

    // MARK: Connecting

    private func connect() {
        start { [self] in
            var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(2))
            let context = LinkContext(logger: logger) { [weak self] link in self?.lost(link) }
            while true {
                do {
                    connected(try await Link.connect(configuration, context))
                    return
                } catch let error as PostgresError where error.isUnavailable {
                    logger.debug("PostgreSQL cannot be reached", metadata: ["error": "\(error)"])
                    guard state.withLock({ $0.connectFailed(error) }) else { return }
                    try? await Task.sleep(for: backoff.next())
                    guard state.withLock({ $0.goesOnConnecting() }) else { return }
                } catch {
                    let refusal = error as? PostgresError ?? .closed
                    for waiter in state.withLock({ $0.connectRefused(refusal) }) { waiter.resume(throwing: refusal) }
                    return
                }
            }
        }
    }

    private func connected(_ link: Link) {
        let now = ContinuousClock.now
        let (waiter, isKept, connects) = state.withLock { state in
            let (waiter, isKept) = state.connected(link, at: now)
            var connects = 0
            while state.startConnecting() { connects += 1 }
            return (waiter, isKept, connects)
        }
        waiter?.resume(returning: link)
        if !isKept { link.close() }
        for _ in 0..<connects { connect() }
    }

    private func lost(_ link: Link) {
        logger.debug("A connection was lost", metadata: ["backend": "\(link.backendProcess)"])
        state.withLock { $0.lost(link) }
    }

    // MARK: Time

    /// One timer for all who wait; there is none while nobody does.
    private func startTimer() {
        let isNeeded = isTiming.withLock { isTiming in
            defer { isTiming = true }
            return !isTiming
        }
        guard isNeeded else { return }
        start { [self] in
            while !Task.isCancelled {
                let deadline: ContinuousClock.Instant? = isTiming.withLock { isTiming in
                    let deadline = state.withLock { $0.firstDeadline }
                    if deadline == nil { isTiming = false }
                    return deadline
                }
                guard let deadline else { return }
                try? await Task.sleep(until: deadline, clock: .continuous)
                let (expired, failure) = state.withLock { ($0.expire(at: .now), $0.lastFailure) }
                for waiter in expired { waiter.resume(throwing: timeout(failure)) }
            }
        }
    }

    private func timeout(_ failure: PostgresError?) -> PostgresError {
        if let failure {
            return .unavailable(
                "PostgreSQL could not be reached in time: \(failure.message)", sqlState: failure.sqlState,
                place: failure.place)
        }
        return PostgresError(
            .unavailable,
            "all \(configuration.maximumConnections) connections were in use for \(configuration.waitTimeout)",
            hint: "Try again later; raise maximumConnections if this is the usual load", place: configuration.address)
    }

    /// Closes connections that were not used for a minute, until the task is cancelled.
    func trimIdle() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(30))
            for link in state.withLock({ $0.trim(unusedSince: .now - .seconds(60)) }) { link.close() }
        }
    }

    // MARK: End

    /// Refuses new work, lets what runs end within a time, and closes all connections.
    func shutDown(within limit: Duration) async {
        let (idle, waiters) = state.withLock { $0.shutDown() }
        for waiter in waiters { waiter.resume(throwing: PostgresError.closed) }
        for link in idle { link.close() }
        let deadline = ContinuousClock.now + limit
        while state.withLock({ !$0.leased.isEmpty }), ContinuousClock.now < deadline, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
        }
        for link in state.withLock({ Array($0.leased.values) }) { link.close() }
        let running = tasks.withLock { Array($0.values) }
        for task in running { task.cancel() }
        for task in running { await task.value }
    }

    /// Starts a task that belongs to the pool, so that it ends with it.
    private func start(_ body: @escaping @Sendable () async -> Void) {
        tasks.withLock { tasks in
            let number = (tasks.keys.max() ?? 0) + 1
            tasks[number] = Task.detached { [weak self] in
                await body()
                self?.tasks.withLock { _ = $0.removeValue(forKey: number) }
            }
        }
    }
}
