import LabCore
import LabState
import Synchronization

/// What is recorded of a batch of routes: what they own, and what was observed last.
final class RouteFacts: Sendable {
    private let needs: RouteNeeds
    private let ownedByRoute: [ResourceKey: [Resource<JSONText>]]
    private let conditions: [ResourceKey: [ObservedCondition]]
    private let recordConditions = Mutex<[ResourceKey: [ObservedCondition]]>([:])
    private let store: ResourceStore
    private let conflicts = Mutex<[ResourceKey: Problem]>([:])

    init(_ batch: [Resource<RouteSpec>], _ needs: RouteNeeds, _ store: ResourceStore) async throws {
        self.needs = needs
        self.store = store
        let keys = batch.map(\.key)
        async let owned = store.owned(by: keys)
        async let observed = store.conditions(of: keys)
        ownedByRoute = Dictionary(grouping: try await owned) { $0.owner ?? $0.key }
        conditions = try await observed
    }

    /// Reads what the DNS manager has observed of the routes' records.
    func readRecords(_ routes: [Resource<RouteSpec>]) async throws {
        let keys = try routes.map { try needs.recordKey($0.spec.host) }
        let observed = try await store.conditions(of: keys)
        recordConditions.withLock { $0 = observed }
    }

    func owned(by route: Resource<RouteSpec>) -> [Resource<JSONText>] { ownedByRoute[route.key] ?? [] }

    /// Remembers that somebody else has declared what a route needs.
    func note(_ problem: Problem, against key: ResourceKey) {
        conflicts.withLock { $0[key] = problem }
    }

    func outcome(
        _ route: Resource<RouteSpec>, _ next: Outcome.Next, routed: Condition, online: Condition,
        removals: [ResourceKey]
    ) -> Outcome {
        Outcome(
            route.name, next, conditions: [routed, resolvable(route), online], removals: removals,
            events: events(route, online))
    }

    /// The record's condition, as the DNS manager observed it.
    private func resolvable(_ route: Resource<RouteSpec>) -> Condition {
        let type = Route.Conditions.resolvable
        guard let key = try? needs.recordKey(route.spec.host) else {
            return .unknown(type, reason: "NoRecord", message: "the host cannot be the name of a record")
        }
        if let problem = conflicts.withLock({ $0[key] }) {
            return .unmet(type, reason: "RecordTaken", message: "\(problem.detail). \(problem.remedy ?? "")")
        }
        guard let observed = recordConditions.withLock({ $0[key] })?.first(where: { $0.condition.type == type }) else {
            return .unknown(type, reason: "NotObservedYet", message: "\(key) was not looked at yet")
        }
        let condition = observed.condition
        return Condition(type, condition.status, reason: condition.reason, message: condition.message)
    }

    /// Told when it changes, and not when it is looked at for the first time and away.
    private func events(_ route: Resource<RouteSpec>, _ online: Condition) -> [NewEvent] {
        let former = conditions[route.key]?.first { $0.condition.type == online.type }?.condition.status
        let payload: JSONValue = [
            "host": .string(route.spec.host.text), "reason": .string(online.reason), "message": .string(online.message),
        ]
        return switch (former, online.status) {
        case (.true, .false): [NewEvent(Topics.routeOffline, about: route.key, payload: payload)]
        case (.false, .true), (.unknown, .true), (nil, .true):
            [NewEvent(Topics.routeOnline, about: route.key, payload: payload)]
        default: []
        }
    }
}
