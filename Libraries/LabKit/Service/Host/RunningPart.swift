import LabCore
import Logging
import ServiceLifecycle
import Synchronization

/// A part of the host that runs until shutdown: started again with backoff when it ends or fails, and at once when its
/// restart is asked for. A vital part that fails ends the host.
struct RunningPart: Service {
    private let name: String
    private let logger: Logger
    private let restarts: RestartSwitch?
    private let isVital: Bool
    private let body: @Sendable () async throws -> Void

    init(
        _ name: String, logger: Logger, restarts: RestartSwitch? = nil, isVital: Bool = false,
        _ body: @escaping @Sendable () async throws -> Void
    ) {
        self.name = name
        self.logger = logger
        self.restarts = restarts
        self.isVital = isVital
        self.body = body
    }

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(10))
            while !Task.isCancelled {
                let start = ContinuousClock.now
                do {
                    let isRestart = try await untilRestart()
                    if isRestart {
                        logger.notice("A part starts anew, as asked", metadata: ["part": "\(name)"])
                        continue
                    }
                } catch {
                    if Task.isCancelled { return }
                    if isVital { throw error }
                    logger.warning(
                        "A part failed and starts again", metadata: ["part": "\(name)", "error": "\(error)"])
                }
                if ContinuousClock.now - start > .seconds(60) { backoff.reset() }
                try? await Task.sleep(for: backoff.next())
            }
        }
    }

    /// Runs the body; true when it was ended because its restart was asked for.
    private func untilRestart() async throws -> Bool {
        guard let restarts else {
            try await body()
            return false
        }
        let asked = restarts.requests()
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return false
            }
            group.addTask {
                for await _ in asked { return true }
                try await Task.sleep(for: .seconds(3600 * 24 * 365))
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }
}

/// Asks the parts that hang on it to start anew.
final class RestartSwitch: Sendable {
    private struct State {
        var nextID = 0
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    /// Yields once, when a restart is asked for.
    func requests() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextID += 1
            state.listeners[state.nextID] = continuation
            return state.nextID
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: id) }
        }
        return stream
    }

    func restart() {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener.yield() }
    }
}
