public import FoundationEssentials

/// Where the time of day comes from; handed in, so that a test decides it.
public protocol WallClock: Sendable {
    var now: Date { get }
}

/// The machine's own clock.
public struct SystemWallClock: WallClock {
    public init() {}
    public var now: Date { Date() }
}

extension Date {
    /// RFC 3339 in UTC with milliseconds, `2026-01-31T10:20:30.123Z`: the one spelling on the wire.
    public var rfc3339: String {
        formatted(Self.rfc3339Style)
    }

    /// Parses RFC 3339 with or without fractional seconds; nil for anything else.
    public init?(rfc3339 text: String) {
        if let date = try? Self.rfc3339Style.parse(text) {
            self = date
        } else if let date = try? Date.ISO8601FormatStyle().parse(text) {
            self = date
        } else {
            return nil
        }
    }

    private static let rfc3339Style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}

extension UUIDv7 {
    /// A new identifier for a moment, random bits from the system.
    public init(at date: Date = Date()) {
        var generator = SystemRandomNumberGenerator()
        self.init(milliseconds: UInt64(max(0, date.timeIntervalSince1970 * 1000)), using: &generator)
    }
}

extension Duration {
    /// Milliseconds with their fraction, for measurements that people read.
    public var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1000 + Double(attoseconds) / 1e15
    }

    public var seconds: Double { milliseconds / 1000 }
}
