import Glibc
import LabCore
import LabPostgres
import LabTesting
import Testing

@Suite("The pool")
struct PoolTests {
    @Test("no more connections are open than allowed, and who waits too long is told so")
    func limit() async throws {
        try await Database.withClient(connections: 2, waiting: .seconds(1)) { client, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 { group.addTask { _ = try await client.query("select pg_sleep(4)") } }
                _ = try await eventually { client.statistics.open == 2 && client.statistics.idle == 0 }
                let error = await #expect(throws: PostgresError.self) { try await client.query("select 1") }
                #expect(error?.isUnavailable == true)
                #expect(error?.description.contains("2 connections were in use") == true)
                #expect(client.statistics.open == 2)
                try await group.waitForAll()
            }
            #expect(client.statistics == PostgresStatistics.idle(2))
            #expect(try await client.query("select 1").count == 1)
        }
    }

    @Test("many callers share few connections, each gets its own answer")
    func sharing() async throws {
        try await Database.withClient(connections: 3) { client, _ in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        try await client.query("select \(number)").first?.value(at: 0, as: Int.self) == number
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(client.statistics.open <= 3)
        }
    }

    @Test("connections that were busy and are lost at rest are found to be lost before anybody uses them")
    func lostAtRest() async throws {
        try await Database.withClient(connections: 4) { client, database in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask { for number in 0..<100 { try await client.query("select \(number)") } }
                }
                try await group.waitForAll()
            }
            let open = client.statistics.open
            #expect(open > 1)
            try await client.query(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where pid <> pg_backend_pid() and backend_type = 'client backend' and datname = current_database()
                """)
            let isFound = try await eventually { client.statistics.open == 1 }
            #expect(isFound)
        }
    }

    @Test("tasks whose answers come at once let the others run")
    func fairness() async throws {
        try await Database.withClient(connections: 8) { client, _ in
            let isOver = Counter()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var count = 0
                        while isOver.count == 0 {
                            try await client.query("select 1")
                            count += 1
                        }
                        return count
                    }
                }
                // A task that has nothing to do with the database: it has its turn two hundred times in between.
                for _ in 0..<200 { await Task.yield() }
                isOver.rise()
                for try await count in group { #expect(count > 0) }
            }
        }
    }

    @Test("a task that runs on an executor of its own gets its answers too")
    func ownExecutor() async throws {
        try await Database.withClient(connections: 2) { client, _ in
            let rows = try await withTaskExecutorPreference(globalConcurrentExecutor) {
                try await client.query("select generate_series(1, \(1000))").count
            }
            #expect(rows == 1000)
        }
    }

    @Test("a cancelled statement ends on the server, and its connection is used again")
    func cancellation() async throws {
        try await Database.withClient(connections: 2) { client, _ in
            let asleep = { () async throws -> Int? in
                try await client.query(
                    "select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(600%'"
                ).first?.value(at: 0, as: Int.self)
            }
            let task = Task { try await client.query("select pg_sleep(600.0)") }
            // This statement's own text is one of those that are found.
            let isAsleep = try await eventually { try await asleep() == 2 }
            #expect(isAsleep)
            let cancelled = ContinuousClock.now
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await asleep() == 1)
            #expect(ContinuousClock.now - cancelled < .seconds(10))
            #expect(client.statistics == PostgresStatistics.idle(2))
            #expect(try await client.query("select 1").count == 1)
        }
    }

    @Test("a cancelled statement does not disturb the next on its connection")
    func cancellationStorm() async throws {
        try await Database.withClient(connections: 1) { client, _ in
            for round in 0..<40 {
                let task = Task { try await client.query("select pg_sleep(0.01), \(round)") }
                try await Task.sleep(for: .milliseconds(round % 15))
                task.cancel()
                _ = await task.result
                #expect(try await client.query("select \(round)").first?.value(at: 0, as: Int.self) == round)
            }
            #expect(client.statistics == PostgresStatistics.idle(1))
        }
    }

    @Test(
        "while the server restarts callers are told, or wait; afterwards all is as before",
        arguments: [SIGINT, SIGQUIT])
    func restart(signal: Int32) async throws {
        try await Database.withClient(connections: 4, waiting: .seconds(2)) { client, database in
            let isOver = Counter()
            let answered = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        while isOver.count == 0 {
                            do {
                                try await client.query("select 1")
                                answered.rise()
                            } catch let error as PostgresError where error.isUnavailable {
                                await Task.yield()
                            }
                        }
                    }
                }
                _ = try await eventually { answered.count > 100 }
                try await database.stop(signal)
                let away = await #expect(throws: PostgresError.self) { try await client.query("select 1") }
                #expect(away?.isUnavailable == true)
                #expect(await client.isHealthy() == false)
                try await database.start()
                let before = answered.count
                #expect(try await eventually { answered.count > before + 100 })
                isOver.rise()
                try await group.waitForAll()
            }
            #expect(await client.isHealthy())
            #expect(client.statistics.open == client.statistics.idle && client.statistics.open <= 4)
            // A session that its client has ended is there for a moment more.
            let isSame = try await eventually {
                let sessions = try await client.query(
                    "select count(*) from pg_stat_activity where application_name = 'lab'"
                ).first?.value(at: 0, as: Int.self)
                return sessions == client.statistics.open
            }
            #expect(isSame)
        }
    }

    @Test("a wrong password or database is said at once, without the password")
    func refusal() async throws {
        try await Database.with { database in
            let refused: [(String, (inout PostgresConfiguration) -> Void)] = [
                ("28P01", { $0.password = Secret("hunter2") }), ("3D000", { $0.database = "nowhere" }),
            ]
            for (state, change) in refused {
                let client = try database.client(change)
                let error = await #expect(throws: PostgresError.self) { try await client.query("select 1") }
                #expect(error?.sqlState == state && error?.isUnavailable == false)
                #expect(error?.description.contains("hunter2") == false)
                await client.shutdown()
            }
        }
    }

    @Test("after its shutdown a client refuses work, and the server has no session of it")
    func shutdown() async throws {
        try await Database.withClient { observer, database in
            let client = try database.client { $0.applicationName = "leaving" }
            try await client.query("select 1")
            await client.shutdown()
            let error = await #expect(throws: PostgresError.self) { try await client.query("select 1") }
            #expect(error?.isUnavailable == true)
            let isGone = try await eventually {
                try await observer.query("select from pg_stat_activity where application_name = 'leaving'").isEmpty
            }
            #expect(isGone)
        }
    }
}

extension PostgresStatistics {
    static func idle(_ count: Int) -> PostgresStatistics { PostgresStatistics(open: count, idle: count, waiting: 0) }
}
