/// Who may use which connection: the rules of the pool, without any waiting or connecting.
///
/// Each event returns what is to be done. `Connection` is compared by identity.
struct PoolState<Connection: AnyObject, Waiter> {
    struct Entry {
        let number: UInt64
        let waiter: Waiter
        let deadline: ContinuousClock.Instant
    }

    let limit: Int
    /// Free connections; the one used last is used next, so that the others may be closed when they are not needed.
    private(set) var idle: [(connection: Connection, since: ContinuousClock.Instant)] = []
    /// Connections that somebody uses.
    private(set) var leased: [ObjectIdentifier: Connection] = [:]
    /// Attempts to connect that are under way, waiting for the next try included.
    private(set) var connecting = 0
    private(set) var isShutDown = false
    /// Why the last attempt to connect failed; nil after one that did not.
    private(set) var lastFailure: PostgresError?

    private var waiters: [UInt64: Entry] = [:]
    /// Their numbers in the order of arrival; some may be gone.
    private var order: [UInt64] = []
    private var head = 0
    private var nextNumber: UInt64 = 0

    init(limit: Int) {
        self.limit = max(1, limit)
    }

    /// Connections that exist.
    var open: Int { idle.count + leased.count }
    var waiting: Int { waiters.count }
    var firstDeadline: ContinuousClock.Instant? { waiters.values.lazy.map(\.deadline).min() }

    /// Takes a free connection; nil when there is none.
    mutating func take() -> Connection? {
        guard let free = idle.popLast() else { return nil }
        leased[ObjectIdentifier(free.connection)] = free.connection
        return free.connection
    }

    /// Queues someone who waits.
    ///
    /// - Returns: the number of the place, and whether another connection is to be made for it.
    mutating func wait(_ waiter: Waiter, until deadline: ContinuousClock.Instant) -> (number: UInt64, connects: Bool) {
        nextNumber += 1
        waiters[nextNumber] = Entry(number: nextNumber, waiter: waiter, deadline: deadline)
        order.append(nextNumber)
        return (nextNumber, startConnecting())
    }

    /// Whether one more attempt to connect is due; it is counted as under way then.
    mutating func startConnecting() -> Bool {
        // While the server is away, one attempt at a time is enough.
        let isDue =
            !isShutDown && open + connecting < limit && connecting < waiters.count
            && (lastFailure == nil || connecting == 0)
        if isDue { connecting += 1 }
        return isDue
    }

    /// Takes a place out of the queue; nil when it was served already.
    mutating func leave(_ number: UInt64) -> Waiter? {
        waiters.removeValue(forKey: number)?.waiter
    }

    /// Takes those out of the queue whose time is up.
    mutating func expire(at now: ContinuousClock.Instant) -> [Waiter] {
        let due = waiters.values.filter { $0.deadline <= now }
        for entry in due { waiters.removeValue(forKey: entry.number) }
        return due.map(\.waiter)
    }

    /// A connection was made.
    ///
    /// - Returns: who gets it, if anyone waits; `isKept` is false when it must be closed.
    mutating func connected(_ connection: Connection, at now: ContinuousClock.Instant) -> (
        waiter: Waiter?, isKept: Bool
    ) {
        connecting -= 1
        lastFailure = nil
        guard !isShutDown else { return (nil, false) }
        return (offer(connection, at: now), true)
    }

    /// An attempt failed.
    ///
    /// - Returns: whether this attempt goes on, after a pause.
    mutating func connectFailed(_ error: PostgresError) -> Bool {
        lastFailure = error
        let goesOn = !isShutDown && connecting == 1 && !waiters.isEmpty
        if !goesOn { connecting -= 1 }
        return goesOn
    }

    /// An attempt was refused for good; nobody needs to wait for it.
    mutating func connectRefused(_ error: PostgresError) -> [Waiter] {
        connecting -= 1
        lastFailure = error
        // Others may still be served by connections that are in use.
        return leased.isEmpty && connecting == 0 ? removeAllWaiters() : []
    }

    /// Whether an attempt that has waited for its next try is still wanted.
    mutating func goesOnConnecting() -> Bool {
        if !isShutDown, !waiters.isEmpty { return true }
        connecting -= 1
        return false
    }

    /// Someone is done with a connection.
    ///
    /// - Parameter isFit: whether it can be used again.
    /// - Returns: who gets it, if anyone waits; `isKept` is false when it must be closed.
    mutating func release(
        _ connection: Connection, isFit: Bool, at now: ContinuousClock.Instant
    ) -> (waiter: Waiter?, isKept: Bool) {
        leased.removeValue(forKey: ObjectIdentifier(connection))
        guard isFit, !isShutDown else { return (nil, false) }
        return (offer(connection, at: now), true)
    }

    /// A connection was lost; its user, if there is one, will release it.
    mutating func lost(_ connection: Connection) {
        idle.removeAll { $0.connection === connection }
    }

    /// Takes out connections that nobody has used for long, but for one.
    mutating func trim(unusedSince instant: ContinuousClock.Instant) -> [Connection] {
        let old = idle.prefix { $0.since < instant }.prefix(max(0, open - 1))
        let connections = old.map(\.connection)
        idle.removeFirst(connections.count)
        return connections
    }

    /// - Returns: connections to be closed, and those who wait in vain.
    mutating func shutDown() -> (idle: [Connection], waiters: [Waiter]) {
        isShutDown = true
        let connections = idle.map(\.connection)
        idle = []
        return (connections, removeAllWaiters())
    }

    private mutating func offer(_ connection: Connection, at now: ContinuousClock.Instant) -> Waiter? {
        while head < order.count {
            let number = order[head]
            head += 1
            if let entry = waiters.removeValue(forKey: number) {
                if head > 64, head * 2 > order.count {
                    order.removeFirst(head)
                    head = 0
                }
                leased[ObjectIdentifier(connection)] = connection
                return entry.waiter
            }
        }
        order.removeAll(keepingCapacity: true)
        head = 0
        idle.append((connection, now))
        return nil
    }

    private mutating func removeAllWaiters() -> [Waiter] {
        let all = waiters.values.sorted { $0.number < $1.number }.map(\.waiter)
        waiters = [:]
        order = []
        head = 0
        return all
    }
}
