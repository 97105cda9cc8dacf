import CMosquitto
import Glibc
import Synchronization

/// What tasks ask of the network thread.
enum Command: Sendable {
    case publish(PublishRequest)
    case subscribe(SubscribeRequest)
    /// - Parameter keepsSession: the subscriber is to come back, and wants what it missed.
    case endSubscription(UInt64, keepsSession: Bool)
    case stop
}

/// Commands on their way to the network thread, and the descriptor that wakes it.
final class Inbox: Sendable {
    private struct State {
        var commands: [Command] = []
        var isClosed = false
    }

    /// Readable while there is something to do; an eventfd.
    let descriptor: Int32
    private let state = Mutex(State())

    init() throws(MQTTError) {
        descriptor = lab_eventfd()
        guard descriptor >= 0 else {
            throw .invalidConfiguration("no eventfd: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// False when the thread has ended and nobody will read the command.
    func post(_ command: Command) -> Bool {
        let (isOpen, isFirst) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.commands.append(command)
            return (true, state.commands.count == 1)
        }
        if isFirst { wake() }
        return isOpen
    }

    func wake() {
        lab_eventfd_wake(descriptor)
    }

    func takeAll() -> [Command] {
        lab_eventfd_clear(descriptor)
        return state.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Takes no more, and returns what nobody has seen to.
    func close() -> [Command] {
        state.withLock { state in
            state.isClosed = true
            defer { state.commands = [] }
            return state.commands
        }
    }
}
