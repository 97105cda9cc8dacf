import Glibc

/// What a connection is for.
protocol LinkRole: AnyObject {
    /// False while what has been read already must first be used up.
    var wantsToRead: Bool { get }
    /// Whether the broker shall forget the session at the goodbye.
    var forgetsSession: Bool { get }
    /// When ``timePassed(_:)`` is wanted, beside the link's own timer.
    var deadline: ContinuousClock.Instant? { get }

    func connected(sessionPresent: Bool, receiveMaximum: Int, over handle: MosquittoHandle)
    func disconnected(_ error: MQTTError)
    /// Returns an error when the link has become useless.
    func handle(_ event: MosquittoHandle.Event, over handle: MosquittoHandle) -> MQTTError?
    func timePassed(_ now: ContinuousClock.Instant)
    func ended(_ error: MQTTError?)
}

/// One connection on the network thread: turns readiness of the socket and the library's events into events of
/// ``LinkState``, and carries its actions out.
final class Link {
    let role: any LinkRole
    private let handle: MosquittoHandle
    private let configuration: MQTTConfiguration
    private var state: LinkState
    private var timer: ContinuousClock.Instant?
    private var receiveMaximum = Int(UInt16.max)
    private var lastUpkeep = ContinuousClock.now
    /// Why the role gave the link up.
    private var failure: MQTTError?

    init(_ role: any LinkRole, handle: MosquittoHandle, configuration: MQTTConfiguration) {
        self.role = role
        self.handle = handle
        self.configuration = configuration
        state = LinkState(
            backoff: configuration.reconnectBackoff, broker: configuration.broker,
            connectTimeout: configuration.connectTimeout)
    }

    var hasEnded: Bool { state.phase == .ended }

    var deadline: ContinuousClock.Instant? {
        let upkeep = state.phase == .connected ? lastUpkeep.advanced(by: upkeepInterval) : nil
        return [timer, role.deadline, upkeep].compactMap { $0 }.min()
    }

    /// What to poll for, or nil without a socket.
    var interest: pollfd? {
        guard let socket = handle.socket else { return nil }
        var events: Int16 = 0
        if state.phase != .connected || role.wantsToRead { events |= Int16(POLLIN) }
        if handle.wantsToWrite { events |= Int16(POLLOUT) }
        // A socket that nothing is wanted of is left out: poll would report its end again and again.
        guard events != 0 else { return nil }
        return pollfd(fd: socket, events: events, revents: 0)
    }

    func start() { step(.start) }
    func stop() { step(.stop) }

    /// Lets the role use the handle, and follows up what comes of it.
    func use(_ body: (MosquittoHandle) -> Void) {
        body(handle)
        drainEvents()
    }

    /// The socket is ready as `ready` says; 0 when poll had nothing to say about it.
    func socketIsReady(_ ready: Int16) {
        let isBroken = ready & Int16(POLLERR | POLLHUP | POLLNVAL) != 0
        if state.phase == .connecting, ready != 0 {
            // During a TLS handshake only reading goes on with it, also where the handshake has something to write.
            handle.read()
            handle.write()
        } else {
            if ready & Int16(POLLOUT) != 0 { handle.write() }
            if ready & Int16(POLLIN) != 0 || (isBroken && role.wantsToRead) { read() }
        }
        drainEvents()
    }

    func timePassed(_ now: ContinuousClock.Instant, nothingToRead: Bool) {
        if let timer, timer <= now {
            self.timer = nil
            step(.timer)
        }
        role.timePassed(now)
        guard state.phase == .connected, lastUpkeep.advanced(by: upkeepInterval) <= now else { return }
        lastUpkeep = now
        if role.wantsToRead, nothingToRead {
            handle.keepAlive()
        } else {
            handle.showLife()
        }
        drainEvents()
    }

    /// Often enough that a second of the library's clock more or less does not matter.
    private var upkeepInterval: Duration { min(configuration.keepAlive / 4, .seconds(5)) }

    /// Reads while there is something, a bounded number of times, so that other connections get their turn.
    private func read() {
        for _ in 0..<64 {
            let before = handle.eventCount
            handle.read()
            guard handle.eventCount > before, state.phase == .connected else { return }
            drainEvents()
            guard handle.socket != nil, role.wantsToRead else { return }
        }
    }

    private func drainEvents() {
        while true {
            let events = handle.takeEvents()
            if events.isEmpty { return }
            for event in events { dispatch(event) }
        }
    }

    private func dispatch(_ event: MosquittoHandle.Event) {
        switch event {
        case .accepted(let sessionPresent, let receiveMaximum):
            self.receiveMaximum = receiveMaximum
            perform(state.handle(.accepted(sessionPresent: sessionPresent)))
        case .refused(let reason):
            perform(state.handle(.refused(.refused(broker: configuration.broker, reason), reason)))
        case .disconnected(let detail):
            let error: MQTTError =
                state.phase == .connecting
                ? .unreachable(broker: configuration.broker, detail: detail)
                : .connectionLost(broker: configuration.broker, detail: detail)
            perform(state.handle(.lost(error)))
        case .acknowledged, .granted, .received:
            if let error = role.handle(event, over: handle) {
                failure = error
                perform(state.handle(.stop))
            }
        }
    }

    private func step(_ event: LinkState.Event) {
        perform(state.handle(event))
        drainEvents()
    }

    private func perform(_ actions: [LinkState.Action]) {
        for action in actions {
            switch action {
            case .connect:
                if let error = handle.connect() { perform(state.handle(.lost(error))) }
            case .disconnect:
                handle.disconnect(forgettingSession: role.forgetsSession)
            case .abort:
                handle.abort()
            case .setTimer(let duration):
                timer = .now.advanced(by: duration)
            case .clearTimer:
                timer = nil
            case .announceConnected(let sessionPresent):
                lastUpkeep = .now
                role.connected(sessionPresent: sessionPresent, receiveMaximum: receiveMaximum, over: handle)
            case .announceDisconnected(let error):
                role.disconnected(error)
            case .end(let error):
                role.ended(error ?? failure)
            }
        }
    }
}
