import Hummingbird
import LabState
import Synchronization

/// Answers to reads of single resources, kept until anything changes.
///
/// Everything is forgotten when this process has written, when the database tells of a change of any resource or
/// condition, and when listening to the database begins anew. An answer is kept for a quarter of a second at most, so
/// that it is no older than that even while notifications are lost.
final class ResourceAnswers: Sendable {
    private struct Entry {
        let response: Response
        let validUntil: ContinuousClock.Instant
    }

    private struct State {
        /// How often everything was forgotten. An answer that was read before the last time is not kept.
        var epoch: UInt64 = 0
        var entries: [String: Entry] = [:]
    }

    private static let longestLife: Duration = .milliseconds(250)
    private static let limit = 1024

    private let state = Mutex(State())

    /// Forgets everything whenever the database tells of a change, until the task is cancelled.
    func run(_ wakeUps: WakeUps) async {
        await wakeUps.follow(channels: [WakeUps.conditionChannel, WakeUps.workChannel]) { awaitNext in
            while !Task.isCancelled {
                forget()
                await awaitNext(.seconds(60))
            }
        }
    }

    /// Call this after a write was committed and before it is answered.
    func forget() {
        state.withLock { state in
            state.epoch += 1
            state.entries.removeAll(keepingCapacity: true)
        }
    }

    /// The answer for a path with its query, kept or made.
    func answer(_ path: String, _ make: () async throws -> Response) async throws -> Response {
        let now = ContinuousClock.now
        let (kept, epoch) = state.withLock { ($0.entries[path], $0.epoch) }
        if let kept, kept.validUntil > now { return kept.response }
        let response = try await make()
        state.withLock { state in
            guard state.epoch == epoch else { return }
            if state.entries.count >= Self.limit { state.entries.removeAll(keepingCapacity: true) }
            state.entries[path] = Entry(response: response, validUntil: now + Self.longestLife)
        }
        return response
    }
}
