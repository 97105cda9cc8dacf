/// Exponential backoff with full jitter: each wait is drawn between half of the step and the step, and the step
/// doubles up to a ceiling. Half of it is kept so that a failing loop can never spin.
public struct Backoff: Sendable {
    public let initial: Duration
    public let maximum: Duration
    /// Failures since the last success.
    public private(set) var attempt = 0

    public init(initial: Duration = .milliseconds(100), maximum: Duration = .seconds(60)) {
        self.initial = initial
        self.maximum = maximum
    }

    /// The step that belongs to a count of earlier failures, without jitter.
    public func step(after failures: Int) -> Duration {
        let factor = 1 << min(max(failures, 0), 30)
        let step = initial * factor
        return step < maximum ? step : maximum
    }

    /// Counts a failure and says how long to wait.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let step = step(after: attempt)
        attempt += 1
        return step * Double.random(in: 0.5...1, using: &generator)
    }

    public mutating func next() -> Duration {
        var generator = SystemRandomNumberGenerator()
        return next(using: &generator)
    }

    /// After a success the next failure begins at the initial step.
    public mutating func reset() {
        attempt = 0
    }
}
