public import LabCore
import LabCrypto

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

    /// Makes run what is declared, and keeps it running; called before each look, so it is quick when nothing is to be
    /// done.
    ///
    /// - Parameter progress: told how far it is, for as long as that takes.
    func apply(_ app: RunnableApp, telling progress: @Sendable (RuntimeProgress) -> Void) async throws

    /// Takes away what ``apply(_:telling:)`` made; data that people keep in the app stays, unless it is to go too.
    func remove(_ app: RunnableApp, withData: Bool) async throws

    /// Stops and starts the app.
    func restart(_ app: RunnableApp) async throws
}

/// What a runtime may be able to do beside looking.
public enum RuntimeCapability: String, Sendable, CaseIterable {
    /// It starts what is declared and stops what is removed.
    case lifecycle
    case restart
    /// It keeps what it ran, and what that wrote.
    case releases
}

/// What a runtime knows of an app.
public struct RunnableApp: Sendable, Hashable {
    /// What there is to run.
    public enum Workload: Sendable, Hashable {
        /// A server that runs already.
        case upstream(UpstreamURL)
        case compose(ComposeSource)
    }

    public let name: AppName
    public let workload: Workload
    public let healthPath: HealthPath?

    public init(name: AppName, workload: Workload, healthPath: HealthPath? = nil) {
        self.name = name
        self.workload = workload
        self.healthPath = healthPath
    }

    /// What a declaration says; nil where it says neither.
    init?(_ name: AppName, _ spec: AppSpec) {
        let workload: Workload? =
            switch spec.effectiveRuntime {
            case .native: spec.upstream.map { .upstream($0) }
            case .docker:
                spec.compose.map {
                    .compose(
                        ComposeSource(
                            text: $0, files: spec.files ?? [:], drift: spec.drift ?? .correct, release: spec.release,
                            isStopped: spec.stopped ?? false, host: spec.host, rotation: spec.rotation ?? 0,
                            upgrade: spec.upgrade ?? 0, actor: spec.actor ?? "",
                            message: spec.message?.text ?? ""))
                }
            }
        guard let workload else { return nil }
        self.init(name: name, workload: workload, healthPath: spec.healthPath)
    }
}

/// A Compose file with what lies beside it, as somebody declared it.
public struct ComposeSource: Sendable, Hashable {
    public let text: ComposeText
    public let files: [String: String]
    public let drift: DriftPolicy
    /// The release whose images are wanted, whatever their names mean now.
    public let release: Int?
    /// Whether it is to be there and not to run.
    public let isStopped: Bool
    /// Under which people reach the app; nil for its name in the lab's domain.
    public let host: Hostname?
    /// How often its secrets were made anew.
    public let rotation: Int
    /// How often its images were brought anew.
    public let upgrade: Int
    /// Who declared it, and why; empty where nobody said so.
    public let actor: String
    public let message: String

    public init(
        text: ComposeText, files: [String: String] = [:], drift: DriftPolicy = .correct, release: Int? = nil,
        isStopped: Bool = false, host: Hostname? = nil, rotation: Int = 0, upgrade: Int = 0, actor: String = "",
        message: String = ""
    ) {
        self.host = host
        self.text = text
        self.files = files
        self.drift = drift
        self.release = release
        self.isStopped = isStopped
        self.rotation = rotation
        self.upgrade = upgrade
        self.actor = actor
        self.message = message
    }

    /// The same for what makes an equal release: a digest of all files with their names and lengths.
    var hash: String {
        let release = release.map { "release \($0) " } ?? ""
        var bytes = Array((release + (upgrade == 0 ? "" : "upgrade \(upgrade) ")).utf8)
        // What it is filled in with is another secret, or one that was not there.
        if rotation != 0 { bytes += "rotation \(rotation) ".utf8 }
        // Whether the file is filled in with its host.
        if let host, text.text.contains("LAB_HOST") { bytes += "host \(host) ".utf8 }
        for (name, text) in [("", text.text)] + files.sorted(by: { $0.key < $1.key }).map({ ($0.key, $0.value) }) {
            bytes += "\(name.utf8.count) \(text.utf8.count) \(name)\(text)".utf8
        }
        return Hex.encode(SHA256.hash(bytes))
    }
}

/// How far a runtime is with what it was asked for.
public struct RuntimeProgress: Sendable, Hashable {
    /// One word in upper camel case, such as `Pulling`.
    public let phase: String
    public let message: String

    public init(_ phase: String, _ message: String) {
        self.phase = phase
        self.message = message
    }
}

/// What was seen of an app.
public struct RuntimeObservation: Sendable, Hashable {
    public let isRunning: Bool
    /// One word in upper camel case, such as `UpstreamAnswers`.
    public let reason: String
    /// What was asked, what came back, and what to do where that is not right.
    public let message: String
    /// Where the app answers, which the proxy is told; nil while that is not known.
    public let upstream: UpstreamURL?
    /// The numbers behind the message: `{"status": 200, "milliseconds": 3.2}`.
    public let numbers: JSONValue?

    public init(
        isRunning: Bool, reason: String, message: String, upstream: UpstreamURL?, numbers: JSONValue? = nil
    ) {
        self.isRunning = isRunning
        self.reason = reason
        self.message = message
        self.upstream = upstream
        self.numbers = numbers
    }
}

extension Runtime {
    /// The same for those who do not want to know how far it is.
    func apply(_ app: RunnableApp) async throws { try await apply(app) { _ in } }

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
