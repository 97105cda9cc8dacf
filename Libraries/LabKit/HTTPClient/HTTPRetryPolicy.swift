import FoundationEssentials
public import LabCore

/// When a request is sent again: after 429, 502, 503 and 504, and when the connection could not be made or broke.
public struct HTTPRetryPolicy: Sendable {
    /// How often the request is sent at most, at least 1.
    public var maximumAttempts: Int
    /// The waits between attempts, where the server names none.
    public var backoff: Backoff
    /// The longest wait that a server may ask for with Retry-After. One that asks for more is not asked again: its
    /// response is returned.
    public var maximumRetryAfter: Duration
    /// Retries methods that are not idempotent as well. Only for a request that the server knows to be the same one,
    /// for example by an idempotency key.
    public var retriesAnyMethod: Bool

    public init(
        maximumAttempts: Int = 3, backoff: Backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(5)),
        maximumRetryAfter: Duration = .seconds(20), retriesAnyMethod: Bool = false
    ) {
        self.maximumAttempts = maximumAttempts
        self.backoff = backoff
        self.maximumRetryAfter = maximumRetryAfter
        self.retriesAnyMethod = retriesAnyMethod
    }

    public static let standard = HTTPRetryPolicy()
    public static let never = HTTPRetryPolicy(maximumAttempts: 1)

    static let retriedStatuses: Set<Int> = [429, 502, 503, 504]

    func allows(_ request: HTTPRequest) -> Bool {
        (request.method.isIdempotent || retriesAnyMethod) && request.body.isReplayable
    }
}

/// The value of a Retry-After header: a count of seconds or a date (RFC 9110 section 10.2.3).
enum RetryAfter {
    static func parse(_ value: String, now: Date) -> Duration? {
        if let seconds = UInt32(value) { return .seconds(Int64(seconds)) }
        guard let date = HTTPDate.parse(value) else { return nil }
        return .seconds(max(0, date.timeIntervalSince(now)))
    }
}
