import Glibc
import LabPostgres
import LabTesting
import Synchronization
import Testing

@Suite("Notifications")
struct NotificationTests {
    /// Everything that a listener was told so far.
    private final class Log: Sendable {
        private let entries = Mutex<[PostgresNotification]>([])
        func add(_ entry: PostgresNotification) { entries.withLock { $0.append(entry) } }
        var all: [PostgresNotification] { entries.withLock { $0 } }
        var beginnings: Int { all.count { $0 == .listening } }
    }

    private func listening(
        _ client: PostgresClient, _ body: (Log) async throws -> Void
    ) async throws {
        let log = Log()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await entry in client.notifications(on: ["lab_test", "other"]) { log.add(entry) }
            }
            #expect(try await eventually { log.beginnings == 1 })
            try await body(log)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test("notifications arrive in order, with their channel and payload")
    func delivery() async throws {
        try await Database.withClient { client, _ in
            try await listening(client) { log in
                for number in 0..<100 { try await client.query("select pg_notify('lab_test', \("n\(number)"))") }
                try await client.query("notify other")
                #expect(try await eventually { log.all.count == 102 })
                let expected = (0..<100).map { PostgresNotification.received(channel: "lab_test", payload: "n\($0)") }
                #expect(log.all == [.listening] + expected + [.received(channel: "other", payload: "")])
            }
        }
    }

    @Test("a listener whose session is ended listens anew, says so, and then misses nothing")
    func terminated() async throws {
        try await Database.withClient { client, _ in
            try await listening(client) { log in
                for round in 2...4 {
                    try await client.query(
                        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'")
                    #expect(try await eventually { log.beginnings == round })
                    try await client.query("select pg_notify('lab_test', \("round \(round)"))")
                    let told = PostgresNotification.received(channel: "lab_test", payload: "round \(round)")
                    #expect(try await eventually { log.all.last == told })
                }
            }
        }
    }

    @Test("a listener survives a restart of the server")
    func restarted() async throws {
        try await Database.withClient { client, database in
            try await listening(client) { log in
                try await database.stop(SIGQUIT)
                try await database.start()
                #expect(try await eventually { log.beginnings == 2 })
                try await client.query("select pg_notify('lab_test', 'after')")
                let told = PostgresNotification.received(channel: "lab_test", payload: "after")
                #expect(try await eventually { log.all.last == told })
            }
        }
    }
}
