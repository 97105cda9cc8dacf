/// Containers that ended and are started anew by the engine, while a release comes up. One that waits for another, a
/// database that is made for the first time, ends a few times and then stays; another ends again and again.
struct RestartCounts {
    /// The engine waits 0.1 s before the first start anew, and twice as long before each that follows: this many take it
    /// 25 s (https://docs.docker.com/engine/containers/start-containers-automatically).
    static let limit = 8
    /// How long one that ended must have run before it counts as one that stays.
    static let trial: Duration = .seconds(5)

    private struct Entry {
        let service: String
        var code: Int
        /// As the engine counts them, and what it said first: a container that was kept has a past.
        var count = 0
        var first: Int?
        var since: ContinuousClock.Instant
    }

    private var entries: [String: Entry] = [:]

    /// The containers, as the engine numbers them.
    var followed: [String] { entries.keys.sorted() }

    mutating func follow(_ container: DockerEngine.Container, at now: ContinuousClock.Instant = .now) {
        var entry = entries[container.id] ?? Entry(service: container.service, code: 0, since: now)
        entry.code = container.restartCode ?? 0
        // The engine counts when it ends, and may wait for long before it starts it anew.
        entry.since = now
        entries[container.id] = entry
    }

    /// - Parameter count: nil when the container is gone.
    mutating func note(_ count: Int?, of id: String, at now: ContinuousClock.Instant = .now) {
        guard let count else {
            entries[id] = nil
            return
        }
        guard let entry = entries[id], entry.count != count else { return }
        entries[id]?.count = count
        if entry.first == nil { entries[id]?.first = count < Self.limit ? 0 : count }
        entries[id]?.since = now
    }

    /// Why they do not come up by waiting; nil while they may.
    var fault: String? {
        let endless = entries.values.filter { $0.count - ($0.first ?? $0.count) >= Self.limit }.sorted {
            $0.service < $1.service
        }
        guard !endless.isEmpty else { return nil }
        return endless.map { "\($0.service) ends again and again, with the code \($0.code)" }.joined(separator: "; ")
    }

    /// The services that have not yet run for long enough after they ended.
    var unsteady: [String] { unsteady(at: .now) }

    func unsteady(at now: ContinuousClock.Instant) -> [String] {
        entries.values.filter { now - $0.since < Self.trial }.map(\.service).sorted()
    }
}
