public import LabCore

/// Makes what is declared true: level-triggered and idempotent.
///
/// A reconciler gets the present state of resources, never an event; it looks at the real system, applies the
/// difference, and says what it observed. LabKit wakes it when something was declared, when a thing that the resource
/// owns changed, after the time that it asked for, and after a failure with backoff.
public protocol Reconciler: Sendable {
    associatedtype Kind: ResourceKind

    var options: ReconcilerOptions { get }

    /// Called when this replica begins to reconcile, and again when it does so after a pause: what the reconciler
    /// remembers of the declared state is read anew here.
    func begin(_ context: ReconcileContext) async throws

    /// Reconciles some resources; each gets one outcome, in any order. A thrown error fails the whole batch: every
    /// resource of it is tried again with backoff.
    func reconcile(_ batch: [Resource<Kind.Spec>], _ context: ReconcileContext) async throws -> [Outcome]

    /// Compares everything declared with the real system, cheaply, and names the resources that need a look.
    func resync(_ context: ReconcileContext) async throws -> [ResourceName]
}

extension Reconciler {
    public var options: ReconcilerOptions { ReconcilerOptions() }
    public func begin(_ context: ReconcileContext) async throws {}
    public func resync(_ context: ReconcileContext) async throws -> [ResourceName] { [] }
}

public struct ReconcilerOptions: Sendable {
    /// How many resources come in one batch, at the most.
    public var batchSize: Int
    /// Whether one replica at a time may reconcile this kind, because the real system takes whole states; otherwise
    /// replicas share the work resource by resource.
    public var isExclusive: Bool
    /// How often everything declared is compared with the real system.
    public var resyncInterval: Duration

    public init(batchSize: Int = 500, isExclusive: Bool = false, resyncInterval: Duration = .seconds(60)) {
        self.batchSize = batchSize
        self.isExclusive = isExclusive
        self.resyncInterval = resyncInterval
    }
}

/// What a reconciler may use beside its driver.
public struct ReconcileContext: Sendable {
    public let store: ResourceStore
    /// Failures in a row so far, for each resource of the batch that has any.
    public let failures: [ResourceName: Int]

    public init(store: ResourceStore, failures: [ResourceName: Int] = [:]) {
        self.store = store
        self.failures = failures
    }
}

/// How a reconciliation of one resource ended. All that it says is recorded in one transaction.
public struct Outcome: Sendable {
    public enum Next: Sendable, Equatable {
        /// Nothing to do until something changes.
        case done
        /// Look again after this time, or sooner when something changes.
        case after(Duration)
        /// It did not work: try again with backoff.
        case retry
        /// It is taken away and may be forgotten; only for a resource whose removal was asked for.
        case purge
    }

    public let name: ResourceName
    public var next: Next
    public var conditions: [Condition]
    /// What the resource needs: declared as owned by it.
    public var declarations: [Declaration]
    /// What it no longer needs, or, in its removal, what must go first.
    public var removals: [ResourceKey]
    public var events: [NewEvent]

    public init(
        _ name: ResourceName, _ next: Next, conditions: [Condition] = [], declarations: [Declaration] = [],
        removals: [ResourceKey] = [], events: [NewEvent] = []
    ) {
        self.name = name
        self.next = next
        self.conditions = conditions
        self.declarations = declarations
        self.removals = removals
        self.events = events
    }
}
