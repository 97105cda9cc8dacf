import LabCore
import LabState
import Logging
import Synchronization

/// Looks at apps through their runtimes, many at once, beside the reconciler: a look may take as long as the app takes
/// to answer, and the reconciler never waits for one. A look that ended wakes the app's reconciliation.
final class RuntimeWatch: Sendable {
    /// What there is to look at. Another spec is another subject.
    struct Subject: Sendable, Hashable {
        let app: RunnableApp
        let runtime: RuntimeName
        let isRemoved: Bool
        /// Whether what people keep in the app goes with it.
        var removesData = false
    }

    enum Finding: Sendable {
        case seen(RuntimeObservation)
        /// The runtime is at it.
        case working(RuntimeProgress)
        /// The runtime could not do what was asked.
        ///
        /// - Parameter reason: one word in upper camel case.
        case failed(reason: String, message: String)
        case removed

        var isRunning: Bool {
            if case .seen(let observation) = self { observation.isRunning } else { false }
        }
    }

    private struct Entry {
        var subject: Subject
        var latest: (finding: Finding, at: ContinuousClock.Instant)?
        var isBusy = false
        /// Whether something happened while a look was under way, which may have missed it.
        var isStale = false
        /// How often in a row the runtime failed: it is asked less often then.
        var failures = 0

        /// How old the latest finding may become.
        func limit(_ limit: Duration, orWhenTroubled troubledLimit: Duration) -> Duration {
            guard let latest else { return .zero }
            if case .failed = latest.finding {
                return min(troubledLimit * (1 << min(failures, 10)) / 2, max(limit, .seconds(60)))
            }
            return latest.finding.isRunning ? limit : troubledLimit
        }
    }

    private struct State {
        var entries: [AppName: Entry] = [:]
        var waiting: Set<AppName> = []
        var order: [AppName] = []
        var signal: AsyncStream<Void>.Continuation?
    }

    private let runtimes: Runtimes
    private let store: ResourceStore
    private let replica: String
    private let logger: Logger
    /// How many looks are under way at once.
    private let concurrency: Int
    private let state = Mutex(State())

    /// - Parameter replica: names this process among those of the service.
    init(
        _ runtimes: Runtimes, store: ResourceStore, replica: String, concurrency: Int = 128, logger: Logger
    ) {
        self.replica = replica
        self.runtimes = runtimes
        self.store = store
        self.concurrency = concurrency
        self.logger = logger
    }

    /// The latest finding on a subject with its age; asks for a new one where there is none that is young enough.
    ///
    /// - Parameter troubledLimit: the limit for a finding that it does not run.
    func latest(
        on subject: Subject, youngerThan limit: Duration, orWhenTroubled troubledLimit: Duration
    ) -> (finding: Finding, age: Duration)? {
        let now = ContinuousClock.now
        return state.withLock { state in
            var entry = state.entries[subject.app.name] ?? Entry(subject: subject)
            if entry.subject != subject {
                entry.subject = subject
                entry.latest = nil
                entry.failures = 0
            }
            let latest = entry.latest.map { (finding: $0.finding, age: now - $0.at) }
            state.entries[subject.app.name] = entry
            let limit = entry.limit(limit, orWhenTroubled: troubledLimit)
            let isOld = latest.map { $0.age >= limit } ?? true
            if isOld { enqueue(subject.app.name, &state) }
            return latest
        }
    }

    /// Has an app looked at now, because something has happened to it.
    func lookAgain(at name: AppName) {
        state.withLock { state in
            guard state.entries[name] != nil else { return }
            if state.entries[name]?.isBusy == true {
                state.entries[name]?.isStale = true
            } else {
                enqueue(name, &state)
            }
        }
    }

    /// The same for all apps of a runtime.
    func lookAgain(atAll runtime: RuntimeName) {
        let names = state.withLock { $0.entries.filter { $0.value.subject.runtime == runtime }.map(\.key) }
        for name in names { lookAgain(at: name) }
    }

    /// Forgets an app that is gone.
    func forget(_ name: AppName) {
        state.withLock { state in
            state.entries[name] = nil
            state.waiting.remove(name)
        }
    }

    /// Looks until the task is cancelled; may be run again afterwards.
    func run() async throws {
        let (signals, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { state in
            state.signal = continuation
            for name in state.entries.keys { state.entries[name]?.isBusy = false }
        }
        continuation.yield()
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await _ in signals {
                while let (name, subject) = take() {
                    if running >= concurrency {
                        await group.next()
                        running -= 1
                    }
                    running += 1
                    group.addTask { await self.look(name, subject) }
                }
            }
        }
        throw CancellationError()
    }

    private func enqueue(_ name: AppName, _ state: inout State) {
        guard state.entries[name]?.isBusy == false, state.waiting.insert(name).inserted else { return }
        state.order.append(name)
        state.signal?.yield()
    }

    private func take() -> (AppName, Subject)? {
        state.withLock { state in
            while !state.order.isEmpty {
                let name = state.order.removeFirst()
                guard state.waiting.remove(name) != nil, let entry = state.entries[name], !entry.isBusy else {
                    continue
                }
                state.entries[name]?.isBusy = true
                return (name, entry.subject)
            }
            return nil
        }
    }

    private func look(_ name: AppName, _ subject: Subject) async {
        let finding = await find(subject)
        let isCurrent = state.withLock { state in
            guard var entry = state.entries[name] else { return false }
            entry.isBusy = false
            let isCurrent = entry.subject == subject
            if isCurrent, let finding {
                entry.latest = (finding, .now)
                if case .failed = finding { entry.failures += 1 } else { entry.failures = 0 }
            }
            state.entries[name] = entry
            let isStale = entry.isStale
            state.entries[name]?.isStale = false
            // What was declared meanwhile has not been looked at.
            if !isCurrent || finding == nil || isStale { enqueue(name, &state) }
            return isCurrent && finding != nil
        }
        guard isCurrent else { return }
        do {
            try await store.wake([App.key(ResourceName(name))])
        } catch {
            // The app is looked at again after its interval in any case.
            logger.debug("A look could not be told", metadata: ["app": "\(name)", "error": "\(error)"])
        }
    }

    /// Keeps how far the runtime is, and has that recorded: of each phase the beginning, and no more than two a second.
    private func tell(_ progress: RuntimeProgress, of subject: Subject) {
        let name = subject.app.name
        let isNews = state.withLock { state in
            guard var entry = state.entries[name], entry.subject == subject else { return false }
            let now = ContinuousClock.now
            if case .working(let last)? = entry.latest?.finding, let at = entry.latest?.at {
                guard last != progress, last.phase != progress.phase || now - at >= .milliseconds(500) else {
                    return false
                }
            }
            entry.latest = (.working(progress), now)
            state.entries[name] = entry
            return true
        }
        guard isNews else { return }
        Task { try? await store.wake([App.key(ResourceName(name))]) }
    }

    /// Nil when the watch is being stopped.
    private func find(_ subject: Subject) async -> Finding? {
        let runtime = runtimes[subject.runtime]
        do {
            guard runtime.capabilities.contains(.lifecycle) else {
                return subject.isRemoved ? .removed : .seen(try await runtime.observe(subject.app))
            }
            // Two replicas that change the containers of one app at once would undo each other's work.
            let lease = Lease("app/\(subject.app.name)", holder: replica, postgres: store.postgres, logger: logger)
            let finding = try await lease.ifFree { [self] () -> Finding in
                if subject.isRemoved {
                    try await runtime.remove(subject.app, withData: subject.removesData)
                    return .removed
                }
                try await runtime.apply(subject.app) { tell($0, of: subject) }
                return .seen(try await runtime.observe(subject.app))
            }
            return finding ?? .working(RuntimeProgress("Queued", "Another replica of the provisioner is at it"))
        } catch {
            if Task.isCancelled { return nil }
            // A problem's title is such a word where the runtime means it to be one.
            guard let problem = error as? Problem, problem.title.allSatisfy(\.isLetter) else {
                return .failed(reason: "RuntimeFailed", message: "\(error)")
            }
            let remedy = problem.remedy.map { ". \($0)" } ?? ""
            return .failed(reason: problem.title, message: problem.detail + remedy)
        }
    }
}
