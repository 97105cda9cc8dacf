import LabCore
import LabPostgres
import LabState
import LabTesting
import Synchronization
import Testing

@Suite("Events, inbox and leases")
struct EventTests {
    @Test("an event that comes twice has its effect once, also when both come at the same time")
    func inbox() async throws {
        try await StateFixture.with { fixture in
            let inbox = Inbox(consumer: "notifier", postgres: fixture.postgres)
            let event = UUIDv7()
            let effects = Record()
            let ran = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await inbox.once(event) { _ in effects.add("effect") }
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(ran == 1)
            #expect(effects.entries == ["effect"])
            let other = Inbox(consumer: "rag", postgres: fixture.postgres)
            let runsForOther = try await other.once(event) { _ in }
            #expect(runsForOther)
        }
    }

    @Test("an effect that fails is not recorded as taken, so the event's next coming has it")
    func failingEffect() async throws {
        struct Failure: Error {}
        try await StateFixture.with { fixture in
            let inbox = Inbox(consumer: "notifier", postgres: fixture.postgres)
            let event = UUIDv7()
            await #expect(throws: Failure.self) {
                try await inbox.once(event) { _ in throw Failure() }
            }
            let runsNow = try await inbox.once(event) { _ in }
            #expect(runsNow)
        }
    }

    @Test("an event of a refused change is not recorded; one of a change is, in order")
    func outbox() async throws {
        try await StateFixture.with { fixture in
            for name in ["a", "b", "c"] {
                try await fixture.store.declare(
                    Declaration(Lamp.key(name), spec: Lamp.Spec(isOn: true)),
                    telling: [NewEvent("lamp.declared", about: try Lamp.key(name))])
            }
            // The same again is no change, and tells nothing.
            try await fixture.store.declare(
                Declaration(Lamp.key("a"), spec: Lamp.Spec(isOn: true)), telling: [NewEvent("lamp.declared")])
            let events = try await EventLog(postgres: fixture.postgres).events(after: 0)
            #expect(events.compactMap(\.subject?.name.text) == ["a", "b", "c"])
            #expect(events.map(\.sequence) == events.map(\.sequence).sorted())
        }
    }

    @Test("one of two holders has the lease; the other has it once the first gives it up")
    func lease() async throws {
        try await StateFixture.with { fixture in
            let order = Record()
            let holds: @Sendable (String) -> Lease = { holder in
                Lease(
                    "one", holder: holder, duration: .seconds(2), postgres: fixture.postgres, logger: fixture.logger)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await holds("first").whileHeld {
                        order.add("first")
                        try await Task.sleep(for: .seconds(600))
                    }
                }
                let firstHolds = try await eventually { order.entries == ["first"] }
                #expect(firstHolds)
                let second = Task {
                    try? await holds("second").whileHeld {
                        order.add("second")
                        try await Task.sleep(for: .seconds(600))
                    }
                }
                // Longer than the lease lasts without being renewed.
                try await Task.sleep(for: .seconds(3))
                #expect(order.entries == ["first"])
                group.cancelAll()
                let secondHolds = try await eventually { order.entries == ["first", "second"] }
                #expect(secondHolds)
                second.cancel()
            }
        }
    }
}

/// What happened, in order.
private final class Record: Sendable {
    private let log = Mutex<[String]>([])

    var entries: [String] { log.withLock { $0 } }

    func add(_ entry: String) { log.withLock { $0.append(entry) } }
}
