import LabCore
import LabPostgres
public import Logging
import Tracing

/// Runs one reconciler: claims its due work, hands it over in batches, records the outcomes.
public struct ReconcilerRuntime<Subject: Reconciler>: Sendable {
    private let reconciler: Subject
    private let store: ResourceStore
    private let queue: WorkQueue
    private let wakeUps: WakeUps
    private let replica: String
    private let logger: Logger
    /// A batch must end within this time, or another replica takes its resources over.
    private let claimDuration: Duration = .seconds(60)

    /// - Parameters:
    ///   - replica: names this process among the replicas of its service.
    ///   - wakeUps: says when work of a kind was queued.
    public init(
        _ reconciler: Subject, store: ResourceStore, wakeUps: WakeUps, replica: String, logger: Logger
    ) {
        self.reconciler = reconciler
        self.store = store
        self.wakeUps = wakeUps
        self.replica = replica
        queue = WorkQueue(kind: Subject.Kind.name, replica: replica, postgres: store.postgres)
        var logger = logger
        logger[metadataKey: "kind"] = "\(Subject.Kind.name)"
        self.logger = logger
    }

    /// Reconciles until the task is cancelled.
    public func run() async throws {
        guard reconciler.options.isExclusive else {
            return try await work()
        }
        let lease = Lease(
            "reconcile/\(Subject.Kind.name)", holder: replica, postgres: store.postgres, logger: logger)
        try await lease.whileHeld { try await work() }
    }

    private func work() async throws {
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(5))
        while true {
            do {
                try await reconciler.begin(ReconcileContext(store: store))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await drain() }
                    group.addTask { try await keepResyncing() }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            } catch {
                try Task.checkCancellation()
                logger.warning("Reconciling paused", metadata: ["error": "\(error)"])
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    private func drain() async throws {
        try await wakeUps.follow(kind: Subject.Kind.name) { awaitNext in
            while true {
                let claims = try await queue.claim(atMost: reconciler.options.batchSize, for: claimDuration)
                if claims.isEmpty {
                    // The fallback bounds the harm of a wake-up that was lost. A little late, so that what was put off
                    // together is claimed together.
                    let due = try await queue.nextDue() ?? .seconds(30)
                    await awaitNext(min(due + .milliseconds(5), .seconds(30)))
                    try Task.checkCancellation()
                } else {
                    try await process(claims)
                }
            }
        }
    }

    private func keepResyncing() async throws {
        while true {
            let jitter = Double.random(in: 0.9...1.1)
            try await Task.sleep(for: reconciler.options.resyncInterval * jitter)
            do {
                let names = try await reconciler.resync(ReconcileContext(store: store))
                if !names.isEmpty {
                    logger.notice("Drift found", metadata: ["resources": "\(names.count)"])
                    try await store.wake(names.map { ResourceKey(kind: Subject.Kind.name, name: $0) })
                }
            } catch {
                try Task.checkCancellation()
                logger.warning("The comparison with the real system failed", metadata: ["error": "\(error)"])
            }
        }
    }

    private func process(_ claims: [WorkQueue.Claim]) async throws {
        let stored = try await store.resources(kind: Subject.Kind.name, names: claims.map(\.name))
        var batch: [Resource<Subject.Kind.Spec>] = []
        var completions: [WorkQueue.Completion] = []
        let claimsByName = Dictionary(claims.map { ($0.name, $0) }) { first, _ in first }
        for resource in stored {
            do {
                batch.append(resource.with(spec: try resource.spec.decode(Subject.Kind.Spec.self)))
            } catch {
                completions.append(unreadable(resource, claimsByName[resource.name], error))
            }
        }
        let present = Set(stored.map(\.name))
        for claim in claims where !present.contains(claim.name) {
            completions.append(completion(of: claim, generation: 0, Outcome(claim.name, .done)))
        }
        if !batch.isEmpty {
            completions += try await reconcile(batch, claimsByName)
        }
        try await record(completions)
    }

    private func reconcile(
        _ batch: [Resource<Subject.Kind.Spec>], _ claims: [ResourceName: WorkQueue.Claim]
    ) async throws -> [WorkQueue.Completion] {
        let failures = claims.compactMapValues { $0.failures > 0 ? $0.failures : nil }
        var outcomes: [ResourceName: Outcome] = [:]
        var fault: (any Error)?
        do {
            let context = ReconcileContext(store: store, failures: failures)
            let all = try await withSpan("reconcile \(Subject.Kind.name)") { span in
                span.attributes["lab.resources"] = batch.count
                return try await reconciler.reconcile(batch, context)
            }
            for outcome in all { outcomes[outcome.name] = outcome }
        } catch {
            try Task.checkCancellation()
            logger.warning("A reconciliation failed", metadata: ["error": "\(error)", "resources": "\(batch.count)"])
            fault = error
        }
        return batch.compactMap { resource in
            guard let claim = claims[resource.name] else { return nil }
            let outcome =
                outcomes[resource.name]
                ?? Outcome(resource.name, .retry, conditions: fault.map { failed($0) } ?? [])
            return completion(of: claim, generation: resource.generation, outcome)
        }
    }

    /// Records all outcomes together; when one of them is refused, each by itself, so that it alone fails.
    private func record(_ completions: [WorkQueue.Completion]) async throws {
        do {
            try await queue.complete(completions)
        } catch let error as PostgresError where error.isRefusal {
            for single in completions {
                do {
                    try await queue.complete([single])
                } catch let error as PostgresError where error.isRefusal {
                    var outcome = Outcome(single.outcome.name, .retry, conditions: single.outcome.conditions)
                    let failure = failed(ResourceStore.problem(from: error) ?? error)
                    // A condition has one status: this one takes the place of what the reconciler said.
                    outcome.conditions.removeAll { said in failure.contains { $0.type == said.type } }
                    outcome.conditions += failure
                    try await queue.complete([completion(of: single.claim, generation: single.generation, outcome)])
                }
            }
        }
    }

    private func completion(
        of claim: WorkQueue.Claim, generation: Int64, _ outcome: Outcome
    ) -> WorkQueue.Completion {
        switch outcome.next {
        case .done, .purge:
            return .init(claim: claim, generation: generation, outcome: outcome, again: nil, failures: 0)
        case .after(let duration):
            return .init(
                claim: claim, generation: generation, outcome: outcome, again: duration.milliseconds, failures: 0)
        case .retry:
            let step = Backoff(initial: .milliseconds(100), maximum: .seconds(15)).step(after: claim.failures)
            return .init(
                claim: claim, generation: generation, outcome: outcome,
                again: step.milliseconds * Double.random(in: 0.5...1), failures: claim.failures + 1)
        }
    }

    private func unreadable(
        _ resource: Resource<JSONText>, _ claim: WorkQueue.Claim?, _ error: any Error
    ) -> WorkQueue.Completion {
        let claim = claim ?? WorkQueue.Claim(name: resource.name, version: 0, failures: 0)
        // What was never accepted was never made real, so its removal has nothing to undo.
        let outcome = Outcome(
            resource.name, resource.isDeleted ? .purge : .done,
            conditions: [
                .unmet(
                    Subject.Kind.conditionTypes.first ?? "Accepted", reason: "UnreadableSpec",
                    message: "The spec cannot be read: \(DecodingProblem.describe(error))")
            ])
        return completion(of: claim, generation: resource.generation, outcome)
    }

    private func failed(_ error: any Error) -> [Condition] {
        [
            .unmet(
                Subject.Kind.conditionTypes.first ?? "Accepted", reason: "ReconcileFailed",
                message: "\(error)")
        ]
    }
}

extension PostgresError {
    /// Whether the database refused what was asked (a conflict, a constraint), so that asking again alone won't help.
    var isRefusal: Bool {
        !isUnavailable && !isRetryable
    }
}
