public import FoundationEssentials

/// What a supervisor knows of one of its servers.
public struct ServerStatus: Sendable, Equatable {
    public enum Phase: Sendable, Equatable {
        /// Waiting for its turn: preparing, or between two starts.
        case down
        case starting
        /// It answers.
        case ready
        case stopping
        /// It is down because ``ServerSupervisor/hold(_:)`` was called.
        case held
        /// The first start failed, and the supervisor gave up.
        case failed(ServerError)
    }

    public internal(set) var name: String
    public internal(set) var phase = Phase.down
    public internal(set) var pid: Int32?
    /// When the present process was started.
    public internal(set) var runningSince: Date?
    /// From the start of the present process to its first answer.
    public internal(set) var startupTime: Duration?
    /// Starts after the first one.
    public var restarts: Int { max(0, starts - 1) }
    public internal(set) var starts = 0
}
