import LabCore
public import LabPostgres
public import Logging

/// A time-limited right that one replica holds at a time, for work that must not be shared.
///
/// The holder renews it at a third of its life; a holder that dies is followed once its lease has run out.
public struct Lease: Sendable {
    public let name: String
    public let holder: String
    public let duration: Duration
    private let postgres: PostgresClient
    private let logger: Logger

    public init(
        _ name: String, holder: String, duration: Duration = .seconds(10), postgres: PostgresClient, logger: Logger
    ) {
        self.name = name
        self.holder = holder
        self.duration = duration
        self.postgres = postgres
        self.logger = logger
    }

    /// Runs `body` whenever this replica holds the lease, until the task is cancelled.
    ///
    /// The body is cancelled when the lease cannot be renewed in time; when it returns or throws, the lease is given
    /// up and taken again after a pause.
    public func whileHeld(_ body: @escaping @Sendable () async throws -> Void) async throws {
        var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(5))
        while !Task.isCancelled {
            do {
                if try await acquire() {
                    try await holding(body)
                    backoff.reset()
                }
                try await Task.sleep(for: duration / 5)
            } catch is CancellationError {
                break
            } catch {
                if Task.isCancelled { break }
                logger.debug("Lease work ended", metadata: ["lease": "\(name)", "error": "\(error)"])
                try? await Task.sleep(for: backoff.next())
            }
        }
        throw CancellationError()
    }

    /// Runs `body` once, when no other replica holds the lease now; gives it up afterwards.
    ///
    /// - Returns: nil when another replica holds it, and nothing was run.
    /// - Throws: what the body throws; ``LeaseLost`` when the lease could not be renewed in time, and the body was
    ///   cancelled.
    public func ifFree<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value? {
        guard try await acquire() else { return nil }
        return try await holding(body)
    }

    @discardableResult
    private func holding<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let result: Result<Value, any Error>
        do {
            result = .success(
                try await withThrowingTaskGroup(of: Value.self) { group in
                    group.addTask { try await body() }
                    group.addTask { try await keepRenewing() }
                    defer { group.cancelAll() }
                    guard let value = try await group.next() else { throw LeaseLost(name: name) }
                    return value
                })
        } catch {
            result = .failure(error)
        }
        await release()
        return try result.get()
    }

    private func keepRenewing() async throws -> Never {
        let clock = ContinuousClock()
        var validUntil = clock.now + duration
        while true {
            try await Task.sleep(for: duration / 3)
            let asked = clock.now
            do {
                guard try await acquire() else { throw LeaseLost(name: name) }
                validUntil = asked + duration
            } catch let error as LeaseLost {
                throw error
            } catch {
                // The database may be away for a moment: the lease stays ours until it runs out.
                try Task.checkCancellation()
                guard clock.now < validUntil else { throw LeaseLost(name: name) }
            }
        }
    }

    private func acquire() async throws -> Bool {
        let rows = try await postgres.query("select lab.acquire_lease(\(name), \(holder), \(duration.seconds))")
        return try rows.first?.value(at: 0, as: Bool.self) ?? false
    }

    private func release() async {
        // Also when this task is cancelled: the next replica need not wait for the lease to run out.
        await Task { [postgres, name, holder] in
            _ = try? await postgres.query("select lab.release_lease(\(name), \(holder))")
        }.value
    }
}

/// Another replica holds the lease now, or it could not be renewed in time.
public struct LeaseLost: Error, CustomStringConvertible {
    public let name: String
    public var description: String { "The lease “\(name)” was lost; another replica may hold it now" }
}
