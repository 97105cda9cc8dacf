/// A server that the lab runs as a child process. The description is a value: nothing happens until a
/// ``ServerSupervisor`` runs it.
public protocol ManagedServer: Sendable {
    /// One word, unique under a supervisor: "postgres". It names the log and appears in messages.
    var name: String { get }
    /// Everything that the server writes lies in here; also its working directory.
    var directory: String { get }
    /// The TCP ports of 127.0.0.1 that must be free before it starts.
    var ports: [Int] { get }
    /// The same for UDP; none unless the server says so.
    var datagramPorts: [Int] { get }
    /// What to do to end it, in order; SIGKILL follows by itself.
    var stopSteps: [StopStep] { get }

    /// Makes directories and configuration, and removes what a killed predecessor left. Called before every start,
    /// while no process of this server runs; what exists already is kept.
    func prepare() async throws
    /// The program to start after ``prepare()``.
    func command() throws -> ServerCommand
    /// Whether the server answers in its own protocol now.
    func isReady() async -> Bool
}

extension ManagedServer {
    public var datagramPorts: [Int] { [] }
    public var stopSteps: [StopStep] { [StopStep(signal: .terminate, patience: .seconds(10))] }
}

/// A signal, and how long to wait for its effect before the next step.
public struct StopStep: Sendable, Hashable {
    public enum Signal: Int32, Sendable {
        case hangup = 1
        case interrupt = 2
        case quit = 3
        case kill = 9
        case terminate = 15
    }

    public let signal: Signal
    public let patience: Duration

    public init(signal: Signal, patience: Duration) {
        self.signal = signal
        self.patience = patience
    }
}

/// How to start a server in the foreground.
public struct ServerCommand: Sendable {
    /// An absolute path.
    public let executable: String
    public let arguments: [String]
    /// The user to run as when this process is root.
    public let account: ServiceAccount?

    public init(executable: String, arguments: [String], account: ServiceAccount? = nil) {
        self.executable = executable
        self.arguments = arguments
        self.account = account
    }
}
