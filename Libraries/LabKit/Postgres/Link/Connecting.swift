import CLibpq
import Glibc
import Synchronization

/// A connection that was made and belongs to nobody yet; it is finished when nobody takes it.
///
/// It is `@unchecked Sendable` because it is handed from the connecting thread to one task, never shared.
final class Connected: @unchecked Sendable {
    let handle: OpaquePointer
    private var isTaken = false

    init(_ handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        if !isTaken { PQfinish(handle) }
    }

    /// Passes the ownership on.
    func take() -> OpaquePointer {
        isTaken = true
        return handle
    }
}

extension Link {
    /// Connects and logs in.
    ///
    /// It is done on a thread of its own that lives as long: names are resolved by calls that block, and passwords are
    /// hashed some thousand times.
    static func connect(
        _ configuration: PostgresConfiguration, _ context: LinkContext
    ) async throws -> Link {
        try Task.checkCancellation()
        let attempt = ConnectionAttempt(configuration)
        let result = await withTaskCancellationHandler {
            await BlockingThread.run { attempt.run() }
        } onCancel: {
            attempt.cancel()
        }
        try Task.checkCancellation()
        return try Link(try result.get(), context)
    }
}

/// One attempt to connect, by libpq's asynchronous calls with a deadline.
private final class ConnectionAttempt: Sendable {
    private let configuration: PostgresConfiguration
    private let isCancelled = Atomic(false)

    init(_ configuration: PostgresConfiguration) {
        self.configuration = configuration
    }

    func cancel() {
        isCancelled.store(true, ordering: .relaxed)
    }

    func run() -> Result<Connected, PostgresError> {
        let parameters = configuration.connectionParameters
        var keywords: [UnsafeMutablePointer<CChar>?] = []
        var values: [UnsafeMutablePointer<CChar>?] = []
        for (keyword, value) in parameters {
            keywords.append(strdup(keyword))
            values.append(strdup(value))
        }
        defer { for text in keywords + values { free(text) } }
        let handle =
            (keywords + [nil]).map { UnsafePointer($0) }.withUnsafeBufferPointer { keywords in
                (values + [nil]).map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
                    PQconnectStartParams(keywords.baseAddress, values.baseAddress, 0)
                }
            }
        guard let handle else { return .failure(.unavailable("there is no memory left for a connection")) }
        let connected = Connected(handle)
        // Puts the error code into the message, which is the only place where a failed login has it.
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        if let error = poll(handle) { return .failure(error) }
        PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
        return .success(connected)
    }

    /// Drives the connection until it is made; nil when it is.
    private func poll(_ handle: OpaquePointer) -> PostgresError? {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        var status = PQstatus(handle) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
        while true {
            switch status {
            case PGRES_POLLING_OK:
                return nil
            case PGRES_POLLING_READING, PGRES_POLLING_WRITING:
                var entry = pollfd(
                    fd: PQsocket(handle), events: Int16(status == PGRES_POLLING_READING ? POLLIN : POLLOUT), revents: 0)
                // In slices, so that a cancellation is seen soon.
                while Glibc.poll(&entry, 1, 50) == 0 {
                    if isCancelled.load(ordering: .relaxed) { return .unavailable("connecting was cancelled") }
                    if ContinuousClock.now >= deadline {
                        return .unavailable("no answer within \(configuration.connectTimeout)", place: place)
                    }
                }
                status = PQconnectPoll(handle)
            default:
                return PostgresError(connecting: String(cString: PQerrorMessage(handle)), place: place)
            }
        }
    }

    private var place: String { "connecting as \(configuration.user) to \(configuration.address)" }
}

extension PostgresError {
    /// From libpq's message about a failed login, which is verbose: `… FATAL:  28P01: password authentication failed…`.
    init(connecting message: String, place: String) {
        let lines = message.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
        let text = lines.joined(separator: " ")
        var sqlState: String?
        var readable = text
        if let match = text.firstRange(of: #/[A-Z]+:  [0-9A-Z]{5}: /#) {
            let found = text[match].dropLast(2)
            sqlState = String(found.suffix(5))
            readable = String(text[match.upperBound...])
        }
        // Classes: invalid authorization, invalid catalog name; a role or parameter that does not exist.
        let isRefusal = sqlState.map { $0.hasPrefix("28") || $0.hasPrefix("3D") || ["42704", "22023"].contains($0) }
        guard isRefusal == true else {
            self = .unavailable(readable, sqlState: sqlState, place: place)
            return
        }
        self.init(
            .server, readable, sqlState: sqlState,
            hint: "Check the user, password, database and role that the connection is configured with", place: place)
    }
}
