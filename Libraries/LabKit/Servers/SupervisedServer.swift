import Dispatch
import FoundationEssentials
import Glibc
import LabCore
import Logging
import Subprocess
import SystemPackage

/// Runs one server as a child, again and again: prepares, starts, keeps its output, waits until it answers, and
/// starts it anew when it dies.
actor SupervisedServer {
    nonisolated let server: any ManagedServer
    nonisolated let log: RotatingLog
    private let pidFile: PIDFile
    private let startTimeout: Duration
    private let logger: Logger
    private(set) var status: ServerStatus
    /// Ends the present child; nil while there is none.
    private var requestStop: AsyncStream<Void>.Continuation?
    private var isHeld = false
    private var startedAt = ContinuousClock.now
    /// The next start was asked for, so it does not wait.
    private var startsAtOnce = false

    init(
        _ server: any ManagedServer, supervisorDirectory: String, logLimit: Int, startTimeout: Duration, logger: Logger
    ) throws(ServerError) {
        self.server = server
        self.startTimeout = startTimeout
        self.logger = logger
        log = try RotatingLog(path: "\(supervisorDirectory)/\(server.name).log", maximumSize: logLimit)
        pidFile = PIDFile(path: "\(supervisorDirectory)/\(server.name).pid")
        status = ServerStatus(name: server.name)
    }

    // MARK: - The life of the server

    /// Runs until the task is cancelled, then returns with the server stopped.
    ///
    /// - Throws: what kept the server from its first readiness. Later failures are logged and tried again.
    func run() async throws {
        var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(30))
        var hasBeenReady = false
        do {
            try await endLeftovers()
            while !Task.isCancelled {
                if isHeld {
                    status.phase = .held
                    try await Task.sleep(for: .milliseconds(10))
                    continue
                }
                do {
                    let end = try await runOnce()
                    if end.wasReady { hasBeenReady = true }
                    // One that answers and dies at once must not be started five times a second for ever.
                    if end.ranFor > .seconds(30) { backoff.reset() }
                    if Task.isCancelled { break }
                    if end.wasAsked { continue }
                    guard hasBeenReady else { throw end.error(server.name, log.lastLines, startTimeout) }
                    logger.warning(
                        "A server ended by itself and is started anew",
                        metadata: ["server": "\(server.name)", "how": "\(end.status)"])
                } catch  where hasBeenReady && !(error is CancellationError) {
                    logger.error(
                        "A server could not be started anew",
                        metadata: ["server": "\(server.name)", "error": "\(error)"])
                }
                status.phase = .down
                let pause = backoff.next()
                if !startsAtOnce { try await Task.sleep(for: pause) }
            }
        } catch is CancellationError {
            // Being cancelled is how a supervisor ends.
        } catch let error as ServerError {
            status.phase = .failed(error)
            throw error
        } catch {
            status.phase = .failed(.programFailedToStart(program: server.name, detail: "\(error)"))
            throw error
        }
        status.phase = .down
    }

    private func endLeftovers() async throws {
        let leftovers = Leftovers(
            command: try commandName,
            directory: server.directory, pidFile: pidFile)
        let ended = await leftovers.end(signal: server.stopSteps.first?.signal.rawValue ?? SIGTERM)
        if !ended.isEmpty {
            logger.notice(
                "Ended what a killed supervisor had left running",
                metadata: ["server": "\(server.name)", "pids": "\(ended.map(\.pid))"])
        }
    }

    private var commandName: String {
        get throws { String(try server.command().executable.split(separator: "/").last ?? "") }
    }

    private struct ChildEnd {
        var status: ProgramResult.Status
        var wasReady: Bool
        var wasAsked: Bool
        var wasTooSlow: Bool
        var ranFor: Duration

        func error(_ name: String, _ lines: [String], _ timeout: Duration) -> ServerError {
            wasTooSlow
                ? .notReadyInTime(server: name, after: timeout, lastLines: lines)
                : .endedDuringStart(server: name, status: status, lastLines: lines)
        }
    }

    /// One process from its start to its end. Cancellation asks it to stop and still waits for its end, which the
    /// stop steps bound: hence the task of its own, which is not cancelled with the caller's.
    private func runOnce() async throws -> ChildEnd {
        startsAtOnce = false
        try await server.prepare()
        try await requireFreePorts()
        let command = try server.command()
        let (stops, requestStop) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.requestStop = requestStop
        defer { self.requestStop = nil }
        try Task.checkCancellation()
        if isHeld { requestStop.yield() }
        return try await withTaskCancellationHandler {
            try await Task { try await self.runChild(command, stops: stops) }.value
        } onCancel: {
            requestStop.yield()
        }
    }

    /// A port may stay taken for a moment after the death of the process that held it.
    private func requireFreePorts() async throws {
        let deadline = ContinuousClock.now + .seconds(1)
        while let taken = server.ports.first(where: { !LoopbackPort.isFreeForTCP($0) })
            ?? server.datagramPorts.first(where: { !LoopbackPort.isFreeForUDP($0) })
        {
            guard ContinuousClock.now < deadline else {
                throw ServerError.portTaken(server: server.name, port: taken)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func runChild(_ command: ServerCommand, stops: AsyncStream<Void>) async throws -> ChildEnd {
        let invocation = try Invocation(command.executable, command.arguments, as: command.account)
        let configuration = Configuration(
            executable: .path(FilePath(invocation.executable)), arguments: Arguments(invocation.arguments),
            environment: .fixed([
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                "TZ": "UTC", "HOME": server.directory,
            ]),
            workingDirectory: FilePath(server.directory), platformOptions: .ownGroup)
        log.forgetLastLines()
        let start = ContinuousClock.now
        startedAt = start
        let outcome: ExecutionResult<Attendance, SequenceOutput, CombinedErrorOutput>
        do {
            outcome = try await Subprocess.run(
                configuration, input: .none, output: .sequence, error: .combinedWithOutput
            ) { execution in
                await self.attend(
                    execution.processIdentifier.value, output: execution.standardOutput, stops: stops)
            }
        } catch let error as SubprocessError {
            throw ServerError.programFailedToStart(program: command.executable, detail: error.description)
        }
        pidFile.remove()
        let attendance = outcome.closureResult
        return ChildEnd(
            status: ProgramResult.Status(outcome.terminationStatus), wasReady: attendance.wasReady,
            wasAsked: attendance.wasAsked, wasTooSlow: attendance.wasTooSlow, ranFor: ContinuousClock.now - start)
    }

    // MARK: - While the child runs

    private struct Attendance: Sendable {
        var wasReady = false
        var wasAsked = false
        var wasTooSlow = false
    }

    private enum Occurrence: Sendable {
        case ended
        case ready(after: Duration)
        case notReadyInTime
        case stopRequested
        case nothing
    }

    /// Stays with the child until it has ended. The child is not reaped before this returns, so its number, which is
    /// also its group's, cannot become another process's meanwhile.
    private func attend(_ pid: pid_t, output: SubprocessOutputSequence, stops: AsyncStream<Void>) async -> Attendance {
        status.pid = pid
        status.phase = .starting
        status.runningSince = Date()
        status.startupTime = nil
        status.starts += 1
        if let entry = ProcessEntry(pid: pid) {
            do {
                try pidFile.write(entry, command: commandName)
            } catch {
                logger.warning("A pid file could not be written", metadata: ["error": "\(error)"])
            }
        }
        var attendance = Attendance()
        await withTaskGroup(of: Occurrence.self) { group in
            group.addTask { await self.keepOutput(of: pid, output) }
            group.addTask { [startedAt] in await self.awaitReadiness(since: startedAt) }
            group.addTask { await Self.firstStop(stops) }
            for await occurrence in group {
                switch occurrence {
                case .ready(let time):
                    attendance.wasReady = true
                    status.startupTime = time
                    if status.phase == .starting { status.phase = .ready }
                    logger.info(
                        "A server answers",
                        metadata: ["server": "\(server.name)", "pid": "\(pid)", "after": "\(time)"])
                case .notReadyInTime:
                    attendance.wasTooSlow = true
                    group.addTask { await self.stop(pid) }
                case .stopRequested:
                    attendance.wasAsked = true
                    group.addTask { await self.stop(pid) }
                case .ended:
                    group.cancelAll()
                case .nothing:
                    break
                }
            }
        }
        // Children of the child that outlived it, such as nginx's workers after a SIGKILL of their master.
        Glibc.kill(-pid, SIGKILL)
        status.pid = nil
        status.runningSince = nil
        status.phase = .down
        return attendance
    }

    private nonisolated func keepOutput(of pid: pid_t, _ output: SubprocessOutputSequence) async -> Occurrence {
        do {
            for try await buffer in output {
                log.append(buffer.withUnsafeBytes { Array($0) })
            }
        } catch {
            // Reading is cancelled when the child has ended while a descendant holds the other end of the pipe.
            logger.trace("Output ended", metadata: ["server": "\(server.name)", "error": "\(error)"])
        }
        // A child that closed its output is not a child that ended.
        while let entry = ProcessEntry(pid: pid), !entry.isZombie {
            try? await Task.sleep(for: .milliseconds(10))
        }
        return .ended
    }

    private nonisolated func awaitReadiness(since start: ContinuousClock.Instant) async -> Occurrence {
        while !Task.isCancelled {
            if await server.isReady() { return .ready(after: ContinuousClock.now - start) }
            if ContinuousClock.now - start > startTimeout { return .notReadyInTime }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return .nothing
    }

    private static func firstStop(_ stops: AsyncStream<Void>) async -> Occurrence {
        for await _ in stops { return .stopRequested }
        return .nothing
    }

    /// Sends the stop signals in turn, then SIGKILL. It is cancelled when the child has ended.
    private func stop(_ pid: pid_t) async -> Occurrence {
        status.phase = .stopping
        for step in server.stopSteps {
            Glibc.kill(pid, step.signal.rawValue)
            do { try await Task.sleep(for: step.patience) } catch { return .nothing }
        }
        logger.warning("A server did not stop in time and is killed", metadata: ["server": "\(server.name)"])
        Glibc.kill(-pid, SIGKILL)
        return .nothing
    }

    // MARK: - What others may ask

    /// There will be no start at all.
    func giveUp(_ error: ServerError) {
        status.phase = .failed(error)
    }

    /// Sends a signal to the process; false when there is none.
    @discardableResult
    func signal(_ signal: StopStep.Signal) -> Bool {
        guard let pid = status.pid else { return false }
        return Glibc.kill(pid, signal.rawValue) == 0
    }

    /// Stops the server, and keeps it stopped until ``release()``.
    func hold() async throws {
        isHeld = true
        requestStop?.yield()
        while status.phase != .held { try await pauseOrThrow() }
    }

    func release() {
        isHeld = false
        startsAtOnce = true
    }

    /// Stops the server and starts it at once.
    func restart() async throws {
        let before = status.starts
        startsAtOnce = true
        requestStop?.yield()
        try await waitUntilReady(after: before)
    }

    /// Returns when the server answers; with `starts`, when a later process than that one does.
    func waitUntilReady(after starts: Int = 0) async throws {
        while status.phase != .ready || status.starts <= starts { try await pauseOrThrow() }
    }

    /// Waiting looks at the status every 10 ms: rare, short, and simpler to cancel than a list of continuations.
    private func pauseOrThrow() async throws {
        if case .failed(let error) = status.phase { throw error }
        try await Task.sleep(for: .milliseconds(10))
    }
}
