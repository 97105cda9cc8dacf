internal import CCurl
import Synchronization

/// The thread that runs every transfer of one client. It sleeps in `curl_multi_poll` until a socket, a time-out or a
/// command wakes it; commands come through an inbox.
final class TransferLoop: Sendable {
    enum Command: Sendable {
        case start(Transfer)
        case cancel(Transfer)
        /// Goes on in the directions that the transfer no longer wants paused.
        case unpause(Transfer)
    }

    fileprivate enum Phase {
        case notStarted
        case running(MultiHandle)
        case stopping(MultiHandle)
        case stopped
    }

    fileprivate struct Inbox {
        var commands: [Command] = []
        var phase = Phase.notStarted
        var stopWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private let configuration: HTTPClientConfiguration
    private let inbox = Mutex(Inbox())

    init(configuration: HTTPClientConfiguration) {
        self.configuration = configuration
    }

    /// Hands a command to the thread, which starts with the first one. After a stop a transfer that was to start fails.
    func submit(_ command: Command) {
        // Marked first, so that a transfer is cancelled for good even where the command comes before its start.
        if case .cancel(let transfer) = command { transfer.markCancelled() }
        let refusal: HTTPClientError.Kind? = inbox.withLock { inbox in
            switch inbox.phase {
            case .notStarted:
                guard case .start = command else { break }
                guard let multi = MultiHandle(configuration) else { return .engine(code: 27) }
                inbox.phase = .running(multi)
                inbox.commands.append(command)
                guard DedicatedThread.start(name: "http-client", { self.run(multi) }) else {
                    inbox.phase = .stopped
                    inbox.commands = []
                    return .engine(code: 27)
                }
            case .running(let multi):
                inbox.commands.append(command)
                // A thread that has commands to fetch is awake, or has been woken already.
                if inbox.commands.count == 1 { multi.wakeUp() }
            case .stopping, .stopped:
                return .clientShutDown
            }
            return nil
        }
        if let refusal, case .start(let transfer) = command {
            transfer.finish(.failure(HTTPClientError(refusal, at: transfer.plan.place)))
        }
    }

    /// Asks the thread to end. Transfers under way fail.
    func requestStop() {
        inbox.withLock { $0.requestStop() }
    }

    /// Returns when the thread has freed everything.
    func stop() async {
        await withCheckedContinuation { continuation in
            let isStopped = inbox.withLock { inbox in
                inbox.requestStop()
                if case .stopped = inbox.phase { return true }
                inbox.stopWaiters.append(continuation)
                return false
            }
            if isStopped { continuation.resume() }
        }
    }

    private func run(_ multi: MultiHandle) {
        var table = TransferTable(multi: multi, configuration: configuration)
        while true {
            let (commands, isStopping) = inbox.withLock { inbox in
                let commands = inbox.commands
                inbox.commands = []
                if case .stopping = inbox.phase { return (commands, true) }
                return (commands, false)
            }
            for command in commands { table.handle(command) }
            if isStopping { break }
            multi.perform()
            table.collectFinished()
            multi.poll()
        }
        table.failAll(.clientShutDown)
        let waiters = inbox.withLock { inbox in
            inbox.phase = .stopped
            defer { inbox.stopWaiters = [] }
            return inbox.stopWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

extension TransferLoop.Inbox {
    mutating func requestStop() {
        switch phase {
        case .notStarted: phase = .stopped
        case .running(let multi):
            phase = .stopping(multi)
            multi.wakeUp()
        case .stopping, .stopped: break
        }
    }
}
