import LabCore

/// The life of one connection, as rules alone: what has happened goes in, what to do comes out.
///
/// ```
/// idle → connecting ⇄ waiting
///            ↓ ↑
///        connected → disconnecting → ended
/// ```
struct LinkState {
    enum Phase: Equatable {
        case idle, connecting, connected, waiting, disconnecting, ended
    }

    enum Event {
        case start
        /// The broker's CONNACK with success.
        case accepted(sessionPresent: Bool)
        /// The broker's CONNACK with another reason.
        case refused(MQTTError, MQTTReasonCode)
        /// No connection could be made, or the one that was has broken.
        case lost(MQTTError)
        /// The time asked for with `.setTimer` is over.
        case timer
        case stop
    }

    enum Action: Equatable {
        case connect
        /// Tells the broker goodbye, so that the will is not published.
        case disconnect
        /// Closes the socket without a word.
        case abort
        /// Replaces the timer that runs, if any.
        case setTimer(Duration)
        case clearTimer
        case announceConnected(sessionPresent: Bool)
        case announceDisconnected(MQTTError)
        /// The last action: nothing will happen any more. An error says why trying again is of no use.
        case end(MQTTError?)
    }

    private(set) var phase = Phase.idle
    private var backoff: Backoff
    private let broker: String
    private let connectTimeout: Duration
    /// How long the goodbye may take to get out.
    static let disconnectTimeout: Duration = .seconds(2)
    /// A refusal that ends a first attempt is a wrong setting; later it may be a broker in the midst of its own start.
    private var hasBeenConnected = false

    init(backoff: Backoff, broker: String, connectTimeout: Duration) {
        self.backoff = backoff
        self.broker = broker
        self.connectTimeout = connectTimeout
    }

    mutating func handle(_ event: Event) -> [Action] {
        switch (phase, event) {
        case (.idle, .start):
            return connect()
        case (.idle, .stop):
            phase = .ended
            return [.end(nil)]

        case (.connecting, .accepted(let sessionPresent)):
            phase = .connected
            hasBeenConnected = true
            backoff.reset()
            return [.clearTimer, .announceConnected(sessionPresent: sessionPresent)]
        case (.connecting, .refused(let error, let reason)):
            if !hasBeenConnected, Self.isLasting(reason) {
                phase = .ended
                return [.abort, .clearTimer, .announceDisconnected(error), .end(error)]
            }
            return [.abort] + retry(after: error)
        case (.connecting, .lost(let error)):
            return retry(after: error)
        case (.connecting, .timer):
            return [.abort]
                + retry(after: .unreachable(broker: broker, detail: "no answer within \(connectTimeout)"))
        case (.connecting, .stop):
            phase = .ended
            return [.abort, .clearTimer, .end(nil)]

        case (.connected, .lost(let error)):
            return retry(after: error)
        case (.connected, .stop):
            phase = .disconnecting
            return [.setTimer(Self.disconnectTimeout), .disconnect]

        case (.waiting, .timer):
            return connect()
        case (.waiting, .stop):
            phase = .ended
            return [.clearTimer, .end(nil)]

        case (.disconnecting, .lost):
            phase = .ended
            return [.clearTimer, .announceDisconnected(.stopped), .end(nil)]
        case (.disconnecting, .timer):
            phase = .ended
            return [.abort, .announceDisconnected(.stopped), .end(nil)]

        // The library reports a failed attempt more than once (the call's result, the callback, the closed socket):
        // the first report counts.
        case (.idle, _), (.connecting, .start), (.connected, _), (.waiting, _), (.disconnecting, _), (.ended, _):
            return []
        }
    }

    private mutating func connect() -> [Action] {
        phase = .connecting
        return [.setTimer(connectTimeout), .connect]
    }

    private mutating func retry(after error: MQTTError) -> [Action] {
        phase = .waiting
        return [.announceDisconnected(error), .setTimer(backoff.next())]
    }

    private static func isLasting(_ reason: MQTTReasonCode) -> Bool {
        [
            .unsupportedProtocolVersion, .clientIdentifierNotValid, .badUserNameOrPassword, .notAuthorized, .banned,
            .badAuthenticationMethod,
        ].contains(reason)
    }
}
