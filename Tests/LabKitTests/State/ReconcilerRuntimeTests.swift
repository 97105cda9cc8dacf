import LabCore
import LabPostgres
import LabState
import LabTesting
import Synchronization
import Testing

/// A reconciler whose lamps are a dictionary, and which can be told to fail.
final class LampReconciler: Reconciler {
    typealias Kind = Lamp

    struct World {
        var lit: [ResourceName: Bool] = [:]
        var passes: [ResourceName: Int] = [:]
        var running: Set<ResourceName> = []
        var overlaps = 0
        var failures: [ResourceName: Int] = [:]
    }

    let world: Mutex<World>
    let options: ReconcilerOptions
    private let delay: Duration

    init(batchSize: Int = 10, isExclusive: Bool = false, delay: Duration = .zero, failures: [ResourceName: Int] = [:]) {
        options = ReconcilerOptions(batchSize: batchSize, isExclusive: isExclusive, resyncInterval: .milliseconds(200))
        self.delay = delay
        world = Mutex(World(failures: failures))
    }

    func reconcile(_ batch: [Resource<Lamp.Spec>], _ context: ReconcileContext) async throws -> [Outcome] {
        world.withLock { world in
            for resource in batch where !world.running.insert(resource.name).inserted { world.overlaps += 1 }
        }
        if delay > .zero { try await Task.sleep(for: delay) }
        return world.withLock { world in
            batch.map { resource in
                world.running.remove(resource.name)
                world.passes[resource.name, default: 0] += 1
                if let left = world.failures[resource.name], left > 0 {
                    world.failures[resource.name] = left - 1
                    return Outcome(
                        resource.name, .retry, conditions: [.unmet("Lit", reason: "Broken", message: "the bulb broke")])
                }
                guard !resource.isDeleted else {
                    world.lit[resource.name] = nil
                    return Outcome(resource.name, .purge, events: [NewEvent("lamp.gone", about: resource.key)])
                }
                world.lit[resource.name] = resource.spec.isOn
                return Outcome(
                    resource.name, .done,
                    conditions: [
                        .met("Lit", reason: "Looked", message: "seen", observation: .object(["lux": .integer(40)]))
                    ])
            }
        }
    }

    func resync(_ context: ReconcileContext) async throws -> [ResourceName] {
        let declared = try await context.store.resources(Lamp.self).readable
        return world.withLock { world in
            declared.filter { !$0.isDeleted && world.lit[$0.name] != nil && world.lit[$0.name] != $0.spec.isOn }
                .map(\.name)
        }
    }
}

@Suite("Reconcilers")
struct ReconcilerRuntimeTests {
    /// Runs reconcilers beside the body, each as a replica of its own.
    static func running(
        _ reconcilers: [LampReconciler], _ fixture: StateFixture, _ body: @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, reconciler) in reconcilers.enumerated() {
                let wakeUps = WakeUps(postgres: fixture.postgres, logger: fixture.logger)
                group.addTask { try await wakeUps.run() }
                let runtime = ReconcilerRuntime(
                    reconciler, store: fixture.store, wakeUps: wakeUps, replica: "replica-\(index)",
                    logger: fixture.logger)
                group.addTask { try await runtime.run() }
            }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
        }
    }

    @Test("what is declared becomes true, with a condition and its observation; removal purges and tells")
    func lifeCycle() async throws {
        try await StateFixture.with { fixture in
            let reconciler = LampReconciler()
            try await Self.running([reconciler], fixture) {
                let key = try Lamp.key("hall")
                try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: true)))
                #expect(
                    try await eventually {
                        try await fixture.store.resourceWithConditions(key)?.conditions
                            .current("Lit", generation: 1)?.status == .true
                    })
                let condition = try await fixture.store.resourceWithConditions(key)?.conditions.first?.condition
                #expect(condition?.observation == .object(["lux": .integer(40)]))
                try await fixture.store.remove([key])
                #expect(try await eventually { try await fixture.store.resource(key) == nil })
                #expect(try await fixture.events("lamp.gone").count == 1)
            }
        }
    }

    @Test("a failing reconciliation is tried again until it succeeds, and says so meanwhile")
    func retries() async throws {
        try await StateFixture.with { fixture in
            let reconciler = LampReconciler(failures: [try ResourceName("hall"): 3])
            try await Self.running([reconciler], fixture) {
                let key = try Lamp.key("hall")
                try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: true)))
                #expect(
                    try await eventually {
                        try await fixture.store.resourceWithConditions(key)?.conditions.first?.condition.status == .true
                    })
                let passes = try reconciler.world.withLock { $0.passes[try ResourceName("hall")] }
                #expect(passes == 4)
            }
        }
    }

    @Test("two replicas share the work, and no resource is in two hands at once")
    func replicas() async throws {
        try await StateFixture.with { fixture in
            let reconcilers = [
                LampReconciler(batchSize: 5, delay: .milliseconds(20)),
                LampReconciler(batchSize: 5, delay: .milliseconds(20)),
            ]
            try await Self.running(reconcilers, fixture) {
                let names = (0..<100).map { "lamp-\($0)" }
                try await fixture.store.declare(
                    names.map { try Declaration(Lamp.key($0), spec: Lamp.Spec(isOn: true)) })
                #expect(
                    try await eventually {
                        let conditions = try await fixture.store.conditions(kind: Lamp.name)
                        return conditions.count == 100
                    })
                let shares = reconcilers.map { $0.world.withLock { $0.lit.count } }
                #expect(shares.reduce(0, +) == 100)
                #expect(shares.allSatisfy { $0 > 0 })
                #expect(reconcilers.allSatisfy { $0.world.withLock { $0.overlaps } == 0 })
            }
        }
    }

    @Test("an exclusive kind is reconciled by one replica, and by the other once the first has ended")
    func exclusiveTakeOver() async throws {
        try await StateFixture.with { fixture in
            let first = LampReconciler(isExclusive: true)
            let second = LampReconciler(isExclusive: true)
            try await Self.running([first], fixture) {
                try await fixture.store.declare(Declaration(Lamp.key("one"), spec: Lamp.Spec(isOn: true)))
                #expect(try await eventually { first.world.withLock { $0.lit.count } == 1 })
            }
            try await Self.running([second], fixture) {
                try await fixture.store.declare(Declaration(Lamp.key("two"), spec: Lamp.Spec(isOn: true)))
                // Its comparison may find that its own lamp “one” is not lit, and light it in the same pass.
                let two = try ResourceName("two")
                #expect(try await eventually { second.world.withLock { $0.lit[two] } == true })
            }
            #expect(first.world.withLock { $0.lit.count } == 1)
        }
    }

    @Test("a change made by hand is found by the comparison and put right")
    func drift() async throws {
        try await StateFixture.with { fixture in
            let reconciler = LampReconciler()
            try await Self.running([reconciler], fixture) {
                let name = try ResourceName("hall")
                try await fixture.store.declare(Declaration(Lamp.key("hall"), spec: Lamp.Spec(isOn: true)))
                #expect(try await eventually { reconciler.world.withLock { $0.lit[name] } == true })
                reconciler.world.withLock { $0.lit[name] = false }
                #expect(try await eventually { reconciler.world.withLock { $0.lit[name] } == true })
            }
        }
    }

    @Test("work goes on after the database was restarted")
    func databaseRestart() async throws {
        try await StateFixture.with { fixture in
            let reconciler = LampReconciler()
            try await Self.running([reconciler], fixture) {
                try await fixture.store.declare(Declaration(Lamp.key("one"), spec: Lamp.Spec(isOn: true)))
                #expect(try await eventually { reconciler.world.withLock { $0.lit.count } == 1 })
                try await fixture.server.restart()
                #expect(
                    try await eventually {
                        do {
                            try await fixture.store.declare(Declaration(Lamp.key("two"), spec: Lamp.Spec(isOn: true)))
                            return true
                        } catch let error as PostgresError where error.isUnavailable {
                            return false
                        }
                    })
                #expect(try await eventually { reconciler.world.withLock { $0.lit.count } == 2 })
            }
        }
    }

    @Test("a wake-up during a reconciliation is not lost with its end")
    func wakeUpDuringPass() async throws {
        try await StateFixture.with { fixture in
            let reconciler = LampReconciler(delay: .milliseconds(150))
            try await Self.running([reconciler], fixture) {
                let key = try Lamp.key("hall")
                let name = key.name
                for isOn in [true, false, true, false] {
                    try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: isOn)))
                    try await Task.sleep(for: .milliseconds(60))
                }
                #expect(
                    try await eventually {
                        let found = try await fixture.store.resourceWithConditions(key)
                        return found?.conditions.current("Lit", generation: 4) != nil
                            && reconciler.world.withLock { $0.lit[name] } == false
                    })
            }
        }
    }
}
