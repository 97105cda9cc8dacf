import FoundationEssentials
import LabCore
import LabState

/// Makes the resolver answer the declared records, and says what it answers.
///
/// One replica at a time does so, since the resolver's file holds all records. What is declared is kept in memory, read
/// anew when the replica begins, so that a change costs no more with ten thousand records than with ten.
actor RecordReconciler: Reconciler {
    typealias Kind = RecordKind

    nonisolated let options: ReconcilerOptions

    private let resolver: any Resolver
    private let zones: LabZones
    private let clock: any WallClock
    private var table: RecordTable
    /// What each record was last seen to answer, and how long clients may keep what it answered before.
    private var history = AnswerHistory()
    /// Whether the last comparison found the resolver away.
    private var isAway = false

    init(
        resolver: any Resolver, zones: LabZones, clock: any WallClock = SystemWallClock(),
        resyncInterval: Duration = .seconds(60)
    ) {
        self.resolver = resolver
        self.zones = zones
        self.clock = clock
        options = ReconcilerOptions(batchSize: 2500, isExclusive: true, resyncInterval: resyncInterval)
        table = RecordTable(zones: zones, capabilities: resolver.capabilities)
    }

    func begin(_ context: ReconcileContext) async throws {
        let declared = try await context.store.resources(RecordKind.self).readable
        let conditions = try await context.store.conditions(kind: RecordKind.name)
        table = RecordTable(zones: zones, capabilities: resolver.capabilities)
        history = AnswerHistory()
        _ = table.apply(declared.filter { !$0.isDeleted }.map { .declare(Self.entry($0)) })
        for resource in declared
        where conditions[resource.key]?.current("Resolvable", generation: resource.generation)?.status == .true {
            history.recall(resource.name, resource.spec.set)
        }
    }

    func reconcile(
        _ batch: [Resource<RecordSpec>], _ context: ReconcileContext
    ) async throws -> [Outcome] {
        let changed = table.apply(batch.map { $0.isDeleted ? .remove($0.name) : .declare(Self.entry($0)) })
        let report = await resolver.publish(
            table.publication, changing: changed.union(batch.map(\.spec.set.name)))
        var observations = await observe(batch)
        let wrong = batch.filter { !(observations[$0.name]?.isMatch ?? true) }
        if !wrong.isEmpty, report.live == nil {
            // The resolver holds something else than it was last known to: look, and make that right at once.
            _ = try? await resolver.compare(with: table.publication)
            _ = await resolver.publish(table.publication, changing: Set(wrong.map(\.spec.set.name)))
            observations.merge(await observe(wrong)) { $1 }
        }
        try await wakeOthers(at: changed, than: batch, context)
        return batch.map { outcome(of: $0, report, observations[$0.name]) }
    }

    func resync(_ context: ReconcileContext) async throws -> [ResourceName] {
        do {
            let drift = try await resolver.compare(with: table.publication)
            isAway = false
            return drift.names.flatMap { table.resources(at: $0) }
        } catch {
            // Nothing is resolvable now, which every record has to say; each then tries again by itself.
            guard error.reason == .unavailable, !isAway else { throw error }
            isAway = true
            return table.allResources
        }
    }

    private static func entry(_ resource: Resource<RecordSpec>) -> RecordTable.Entry {
        .init(resource: resource.name, spec: resource.spec, since: resource.createdAt)
    }

    /// What is published for others has changed with this batch: an alias with its target, a record whose rival went.
    private func wakeOthers(
        at names: Set<RecordName>, than batch: [Resource<RecordSpec>], _ context: ReconcileContext
    ) async throws {
        let own = Set(batch.map(\.name))
        let others = names.flatMap { table.resources(at: $0) }.filter { !own.contains($0) }
        try await context.store.wake(others.map { ResourceKey(kind: RecordKind.name, name: $0) })
    }

    // MARK: Observing

    private func observe(_ batch: [Resource<RecordSpec>]) async -> [ResourceName: RecordObservation] {
        var expectations: [(ResourceName, RecordExpectation)] = []
        for resource in batch {
            expectations += table.expectations(of: resource).map { (resource.name, $0) }
        }
        let answers = await resolver.answer(expectations.map(\.1.question))
        var observations: [ResourceName: RecordObservation] = [:]
        for ((name, expectation), answer) in zip(expectations, answers) {
            observations[name, default: RecordObservation()].add(expectation, answer)
        }
        return observations
    }

    private func outcome(
        of resource: Resource<RecordSpec>, _ report: PublishReport, _ observation: RecordObservation?
    ) -> Outcome {
        let programmed = RecordConditions.programmed(resource, table, report)
        var resolvable = RecordConditions.resolvable(resource, table, observation)
        let isProgrammed = programmed.status == .true
        if resource.isDeleted {
            guard isProgrammed, resolvable.status == .true else {
                return Outcome(resource.name, .retry, conditions: [programmed, resolvable])
            }
            let cached = history.forget(resource.name, at: clock.now)
            return Outcome(
                resource.name, .purge, conditions: [programmed, resolvable],
                events: [RecordEvents.removed(resource, cachedUntil: cached)])
        }
        var events: [NewEvent] = []
        if resolvable.status == .true {
            let isNews = history.note(resource.name, resource.spec.set, at: clock.now)
            let cached = history.cached(resource, at: clock.now)
            if isNews { events = [RecordEvents.changed(resource, cachedUntil: cached?.until)] }
            if let cached {
                resolvable = .met(
                    resolvable.type, reason: resolvable.reason, message: "\(resolvable.message). \(cached.sentence)")
            }
        }
        let isSettled =
            (isProgrammed && resolvable.status == .true) || table.refusal(of: resource.name) != nil
            || (isProgrammed && resolvable.reason == RecordConditions.targetMissing)
        return Outcome(
            resource.name, isSettled ? .done : .retry, conditions: [programmed, resolvable], events: events)
    }
}
