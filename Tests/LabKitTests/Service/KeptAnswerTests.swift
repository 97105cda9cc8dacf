import Hummingbird
import LabCore
import LabHTTPClient
import LabPostgres
import LabState
import LabTesting
import Logging
import Synchronization
import Testing

@testable import LabService

@Suite("Kept answers of single reads")
struct KeptAnswerTests {
    @Test("an answer is made once for all who ask the same")
    func kept() async throws {
        let answers = ResourceAnswers()
        let made = Mutex(0)
        for _ in 0..<10 { _ = try await answers.answer("/v1/lamps/hall") { Self.count(made) } }
        // A second one is no fault: an answer ends after a quarter of a second, and the machine may be that slow.
        #expect(made.withLock { $0 } < 10)
        let before = made.withLock { $0 }
        _ = try await answers.answer("/v1/lamps/attic") { Self.count(made) }
        #expect(made.withLock { $0 } == before + 1)
    }

    @Test("an answer that was read before something changed is not kept, however late it comes")
    func overtaken() async throws {
        let answers = ResourceAnswers()
        let made = Mutex(0)
        _ = try await answers.answer("/v1/lamps/hall") {
            answers.forget()
            return Self.count(made)
        }
        _ = try await answers.answer("/v1/lamps/hall") { Self.count(made) }
        #expect(made.withLock { $0 } == 2)
    }

    @Test("who has written reads what was written, whatever was kept")
    func ownWrites() async throws {
        try await HostFixture.with { host in
            for round in 0..<50 {
                let isOn = round.isMultiple(of: 2)
                #expect(try await host.send(.put, "/v1/lamps/hall", body: #"{"isOn":\#(isOn)}"#).status == 200)
                // Twice, so that the second one may be kept until the next round.
                for _ in 0..<2 {
                    let lamp = try await host.send(.get, "/v1/lamps/hall").document
                    #expect(lamp["spec"]?["isOn"] == .boolean(isOn))
                }
            }
            #expect(try await host.send(.delete, "/v1/lamps/hall").status == 202)
            let removed = try await host.send(.get, "/v1/lamps/hall")
            #expect(removed.status == 404 || removed.document["deletedAt"]?.stringValue != nil)
        }
    }

    @Test("what another process writes is read soon, whether the database tells of it or the notification is lost")
    func writesOfOthers() async throws {
        try await HostFixture.with { host in
            let client = PostgresClient(
                try PostgresConfiguration(connectionString: host.postgres.connectionString),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let store = ResourceStore(postgres: client)
            #expect(try await host.send(.put, "/v1/lamps/hall", body: #"{"isOn":true}"#).status == 200)
            func reads(_ isOn: Bool) async throws -> Bool {
                try await eventually {
                    try await host.send(.get, "/v1/lamps/hall").document["spec"]?["isOn"] == .boolean(isOn)
                }
            }
            #expect(try await reads(true))
            let key = ResourceKey(kind: Lamp.name, name: try ResourceName("hall"))
            try await store.declare(Declaration(key, spec: Lamp.Spec(isOn: false)))
            #expect(try await reads(false))
            // Written past the function that notifies.
            try await client.query(
                #"update lab.resource set spec = '{"isOn": true}' where kind = 'Lamp' and name = 'hall'"#)
            #expect(try await reads(true))
            await client.shutdown()
        }
    }

    private static func count(_ made: borrowing Mutex<Int>) -> Response {
        made.withLock { $0 += 1 }
        return Response(status: .ok)
    }
}
