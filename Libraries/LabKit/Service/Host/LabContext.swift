public import LabCore
public import LabHTTPClient
public import LabMQTT
public import LabState
public import Logging

/// What a service may use: the database, the broker, the configuration.
public struct LabContext: Sendable {
    public let settings: LabSettings
    public let store: ResourceStore
    public let wakeUps: WakeUps
    public let mqtt: MQTTClient
    public let http: HTTPClient
    public let clock: any WallClock
    /// Names this process among the replicas of its services.
    public let replica: String
    public let logger: Logger

    public init(
        settings: LabSettings, store: ResourceStore, wakeUps: WakeUps, mqtt: MQTTClient, http: HTTPClient,
        clock: any WallClock = SystemWallClock(), replica: String, logger: Logger
    ) {
        self.settings = settings
        self.store = store
        self.wakeUps = wakeUps
        self.mqtt = mqtt
        self.http = http
        self.clock = clock
        self.replica = replica
        self.logger = logger
    }
}

/// The configuration of a process: names and values, from the environment or from `lab up`.
///
/// Keys are those of the environment, such as `LAB_DOMAIN`; each service's README lists its own.
public struct LabSettings: Sendable {
    private let values: [String: String]
    private let suffix: String

    public init(_ values: [String: String]) {
        self.init(values, suffix: "")
    }

    private init(_ values: [String: String], suffix: String) {
        self.values = values
        self.suffix = suffix
    }

    /// The value of a key, the service's own before the shared one; nil when it is missing or empty.
    public subscript(key: String) -> String? {
        let value = suffix.isEmpty ? values[key] : values[key + suffix] ?? values[key]
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The same settings as a service sees them: for `dns-manager`, `KEY_DNS_MANAGER` goes before `KEY`.
    public func scoped(to service: String) -> LabSettings {
        LabSettings(values, suffix: "_" + service.uppercased().replacing("-", with: "_"))
    }

    /// - Throws: ``SettingError`` when the value is missing.
    public func required(_ key: String) throws -> String {
        guard let value = self[key] else {
            throw SettingError(key: key, detail: "is not set", remedy: "Set it in the environment")
        }
        return value
    }

    /// A number in a range, or the default when it is not set.
    public func integer(_ key: String, in range: ClosedRange<Int>, default fallback: Int) throws -> Int {
        guard let text = self[key] else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw SettingError(
                key: key, detail: "is “\(text)”",
                remedy: "Give a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A validated text, or the default when it is not set.
    public func text<Text: ValidatedText>(_ key: String, as type: Text.Type = Text.self, default fallback: String)
        throws -> Text
    {
        do {
            return try Text(self[key] ?? fallback)
        } catch {
            throw SettingError(key: key, detail: error.detail, remedy: error.remedy)
        }
    }

    /// The lab's own domain, `LAB_DOMAIN`.
    public var domain: Hostname {
        get throws { try text("LAB_DOMAIN", default: "home.arpa") }
    }
}

/// A setting that is missing or wrong.
public struct SettingError: Error, Sendable, CustomStringConvertible {
    public let key: String
    public let detail: String
    public let remedy: String

    public init(key: String, detail: String, remedy: String) {
        self.key = key
        self.detail = detail
        self.remedy = remedy
    }

    public var description: String { "\(key) \(detail). \(remedy)" }
}
