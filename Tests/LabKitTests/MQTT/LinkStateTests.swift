import LabCore
import Testing

@testable import LabMQTT

@Suite("The life of a connection, without a socket")
struct LinkStateTests {
    private let lost = MQTTError.connectionLost(broker: "b", detail: "cable")

    private func state(after events: LinkState.Event...) -> LinkState {
        var state = LinkState(
            backoff: Backoff(initial: .seconds(1), maximum: .seconds(8)), broker: "b", connectTimeout: .seconds(5))
        for event in events { _ = state.handle(event) }
        return state
    }

    private func refused(_ reason: MQTTReasonCode) -> LinkState.Event {
        .refused(.refused(broker: "b", reason), reason)
    }

    @Test("starting connects, with a limit on how long that may take")
    func start() {
        var state = state()
        #expect(state.handle(.start) == [.setTimer(.seconds(5)), .connect])
        #expect(
            state.handle(.accepted(sessionPresent: true)) == [.clearTimer, .announceConnected(sessionPresent: true)])
        #expect(state.phase == .connected)
    }

    @Test("a lost connection is announced and tried again after a wait that grows")
    func retries() {
        var state = state(after: .start, .accepted(sessionPresent: false))
        var waits: [Duration] = []
        for _ in 0..<4 {
            let actions = state.handle(.lost(lost))
            #expect(actions.first == .announceDisconnected(lost))
            guard case .setTimer(let wait)? = actions.last else { return #expect(Bool(false), "no timer: \(actions)") }
            waits.append(wait)
            #expect(state.handle(.timer) == [.setTimer(.seconds(5)), .connect])
        }
        for (index, wait) in waits.enumerated() {
            let step = Duration.seconds(min(1 << index, 8))
            #expect(wait >= step / 2 && wait <= step)
        }
    }

    @Test("the wait is short again after a success")
    func backoffResets() {
        var state = state(after: .start, .lost(lost), .timer, .lost(lost), .timer, .accepted(sessionPresent: false))
        guard case .setTimer(let wait)? = state.handle(.lost(lost)).last else { return #expect(Bool(false)) }
        #expect(wait <= .seconds(1))
    }

    @Test("one failure that is reported twice counts once")
    func reportedTwice() {
        var state = state(after: .start, .lost(lost))
        #expect(state.handle(.lost(lost)) == [])
        #expect(state.phase == .waiting)
        #expect(state.handle(.accepted(sessionPresent: false)) == [])
    }

    @Test("a broker that does not answer is given up and tried again")
    func connectTimeout() {
        var state = state(after: .start)
        let actions = state.handle(.timer)
        #expect(actions.first == .abort)
        #expect(state.phase == .waiting)
    }

    @Test("a wrong password at first ends it; one after a success is tried again")
    func refusal() {
        var first = state(after: .start)
        let error = MQTTError.refused(broker: "b", .badUserNameOrPassword)
        #expect(
            first.handle(refused(.badUserNameOrPassword))
                == [.abort, .clearTimer, .announceDisconnected(error), .end(error)])
        #expect(first.phase == .ended)

        var later = state(after: .start, .accepted(sessionPresent: false), .lost(lost), .timer)
        #expect(later.handle(refused(.badUserNameOrPassword)).contains(.announceDisconnected(error)))
        #expect(later.phase == .waiting)
    }

    @Test("a busy broker is tried again, also at first")
    func passingRefusal() {
        var state = state(after: .start)
        _ = state.handle(refused(MQTTReasonCode(rawValue: 0x89)))
        #expect(state.phase == .waiting)
    }

    @Test("stopping says goodbye when connected, and ends when the socket has closed")
    func stopConnected() {
        var state = state(after: .start, .accepted(sessionPresent: false))
        #expect(state.handle(.stop) == [.setTimer(LinkState.disconnectTimeout), .disconnect])
        #expect(state.handle(.stop) == [])
        #expect(state.handle(.lost(lost)) == [.clearTimer, .announceDisconnected(.stopped), .end(nil)])
    }

    @Test("a goodbye that does not get out is cut short")
    func stopTimeout() {
        var state = state(after: .start, .accepted(sessionPresent: false), .stop)
        #expect(state.handle(.timer) == [.abort, .announceDisconnected(.stopped), .end(nil)])
    }

    @Test("stopping ends at once when there is no connection")
    func stopOtherwise() {
        for events in [[], [.start], [.start, .lost(lost)]] as [[LinkState.Event]] {
            var state = state()
            for event in events { _ = state.handle(event) }
            #expect(state.handle(.stop).last == .end(nil))
            #expect(state.phase == .ended)
        }
    }

    @Test("after every order of events: it ends once, then nothing more happens, and it never connects twice")
    func everyOrder() {
        let events: [LinkState.Event] = [
            .start, .accepted(sessionPresent: false), refused(.badUserNameOrPassword),
            refused(.unspecifiedError), .lost(lost), .timer, .stop,
        ]
        var orders: [[Int]] = [[]]
        for _ in 0..<5 { orders = orders.flatMap { order in events.indices.map { order + [$0] } } }
        for order in orders {
            var state = state()
            var ends = 0
            for index in order {
                let before = state.phase
                let actions = state.handle(events[index])
                if ends > 0 { #expect(actions == []) }
                if actions.contains(.connect) { #expect(before == .idle || before == .waiting) }
                ends += actions.count { if case .end = $0 { true } else { false } }
            }
            #expect(ends <= 1)
            #expect((ends == 1) == (state.phase == .ended))
        }
    }
}
