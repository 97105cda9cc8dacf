import Metrics
import Synchronization

/// The metric handles of requests, made once for each combination: making one on every request would cost more than
/// the request.
final class RequestMetrics: Sendable {
    static let shared = RequestMetrics()

    private struct Key: Hashable {
        let path: String
        let method: String
        let status: Int
    }

    private let timers = Mutex<[Key: Metrics.Timer]>([:])

    func record(path: String, method: String, status: Int, duration: Duration) {
        let key = Key(path: path, method: method, status: status)
        let timer = timers.withLock { timers in
            if let timer = timers[key] { return timer }
            let timer = Metrics.Timer(
                label: "http_server_request_duration_seconds",
                dimensions: [("path", path), ("method", method), ("status", String(status))])
            timers[key] = timer
            return timer
        }
        timer.record(duration: duration)
    }
}
