public import LabCore

/// The seam to whatever runs apps.
///
/// A runtime makes run what is declared (`apply`), says whether it runs by looking at it (`observe`), and takes it
/// away (`remove`). All of them are idempotent, may be called again after any failure, and honour cancellation. What a
/// runtime cannot do is not among its capabilities, and asking for it throws a problem of the title
/// `UnsupportedByDriver` that says what to do instead.
public protocol Runtime: Sendable {
    var name: RuntimeName { get }
    var capabilities: Set<RuntimeCapability> { get }

    /// Looks at the running app. What is not running is an answer, not an error.
    func observe(_ app: RunnableApp) async throws -> RuntimeObservation

    /// Makes run what is declared; called for each generation before it is observed.
    func apply(_ app: RunnableApp) async throws

    /// Takes away what ``apply(_:)`` made; data that people keep in the app stays.
    func remove(_ app: RunnableApp) async throws

    /// Stops and starts the app.
    func restart(_ app: RunnableApp) async throws
}

/// What a runtime may be able to do beside looking.
public enum RuntimeCapability: String, Sendable, CaseIterable {
    /// It starts what is declared and stops what is removed.
    case lifecycle
    case restart
}

/// What a runtime knows of an app.
public struct RunnableApp: Sendable, Hashable {
    public let name: AppName
    public let upstream: UpstreamURL
    public let healthPath: HealthPath?

    public init(name: AppName, upstream: UpstreamURL, healthPath: HealthPath? = nil) {
        self.name = name
        self.upstream = upstream
        self.healthPath = healthPath
    }
}

/// What was seen of an app.
public struct RuntimeObservation: Sendable, Hashable {
    public let isRunning: Bool
    /// One word in upper camel case, such as `UpstreamAnswers`.
    public let reason: String
    /// What was asked, what came back, and what to do where that is not right.
    public let message: String
    /// Where the app answers, which the proxy is told.
    public let upstream: UpstreamURL
    /// The numbers behind the message: `{"status": 200, "milliseconds": 3.2}`.
    public let numbers: JSONValue?

    public init(
        isRunning: Bool, reason: String, message: String, upstream: UpstreamURL, numbers: JSONValue? = nil
    ) {
        self.isRunning = isRunning
        self.reason = reason
        self.message = message
        self.upstream = upstream
        self.numbers = numbers
    }
}

extension Runtime {
    public func restart(_ app: RunnableApp) async throws {
        throw unsupported("restart App \(app.name)", remedy: "Restart it where it runs; the lab sees it come back")
    }

    /// The problem for what is not among the capabilities.
    func unsupported(_ what: String, remedy: String) -> Problem {
        Problem(
            .unprocessable, title: "UnsupportedByDriver", detail: "The runtime “\(name.rawValue)” cannot \(what)",
            remedy: remedy)
    }
}
