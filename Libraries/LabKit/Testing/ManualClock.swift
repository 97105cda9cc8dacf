public import FoundationEssentials
public import LabCore
import Synchronization

/// A wall clock that stands still until a test moves it.
public final class ManualClock: WallClock {
    private let time: Mutex<Date>

    /// - Parameter start: 2026-01-01T00:00:00Z unless told otherwise.
    public init(_ start: Date = Date(timeIntervalSince1970: 1_767_225_600)) {
        time = Mutex(start)
    }

    public var now: Date { time.withLock { $0 } }

    public func advance(by duration: Duration) {
        time.withLock { $0 += duration.seconds }
    }

    public func set(_ date: Date) {
        time.withLock { $0 = date }
    }
}
