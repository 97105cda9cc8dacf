import Foundation
import LabCore
import LabHTTPClient
import LabPostgres
import LabServers
import LabTesting
import Logging
import Testing

@Suite("A lab under faults", .serialized)
struct FaultTests {
    /// One blow, and what has to be waited for before the next.
    private enum Fault: Sendable {
        case kill(LabProcess)
        /// PostgreSQL's fast shutdown: every client is disconnected in the middle of its work.
        case restartPostgres
        case brokerAway
    }

    /// Every server in turn, in a shuffled order; the lab's own process between them.
    private static func faults(using generator: inout SeededGenerator) -> [Fault] {
        let servers: [LabProcess] = [.unbound, .nginx, .mosquitto, .postgres]
        var faults = (0..<4).flatMap { _ in servers.map(Fault.kill) }
        faults += [.kill(.lab), .kill(.lab), .kill(.lab), .restartPostgres, .restartPostgres]
        faults.shuffle(using: &generator)
        faults.insert(.brokerAway, at: faults.count / 2)
        return faults
    }

    private static func strike(_ fault: Fault, _ lab: LabUnderTest) async throws {
        switch fault {
        case .kill(.lab): try await lab.killAndStartAnew()
        case .kill(let server): try await lab.strike(server)
        case .restartPostgres: try await lab.strike(.postgres, signal: SIGINT)
        case .brokerAway: try await lab.keepDown(.mosquitto, for: .seconds(8))
        }
    }

    @Test("after kills of every process amid 200 deploys and removes, real is what is declared, and each event came")
    func killsUnderLoad() async throws {
        let seed: UInt64 = Self.setting("LAB_FAULT_SEED", 20_250_101)
        let load = AppLoad(count: Self.setting("LAB_FAULT_APPS", 200), clients: 4, pace: .milliseconds(700))
        try await LabUnderTest.with { lab in
            try await TestUpstream.with("faults") { upstream in
                let info = try await lab.info()
                let logger = Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() }
                let postgres = PostgresClient(
                    try PostgresConfiguration(connectionString: info.postgres), logger: logger)
                let http = HTTPClient(logger: logger)
                let token = try String(contentsOfFile: info.tokenFile, encoding: .utf8)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
                let client = AppClient(api: info.api, token: Secret(token), http: http)
                let consumer = try EventConsumer(info, postgres: postgres, logger: logger)
                try await consumer.run {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await load.run(client, upstream: upstream, seed: seed) }
                        group.addTask {
                            var generator = SeededGenerator(seed: seed)
                            for fault in Self.faults(using: &generator) {
                                try await Task.sleep(for: .seconds(Double.random(in: 1.5...3, using: &generator)))
                                try await Self.strike(fault, lab)
                            }
                        }
                        try await group.waitForAll()
                    }
                    #expect(try await lab.info().https == info.https)
                    try await Self.expectAgreement(load, lab, info, postgres)
                    try await Self.expectOnlineFromOutside(load, info, logger)
                    try await Self.expectNoEventLost(consumer, postgres)
                    try await Self.expectNothingTwice(load, postgres)
                }
                await http.shutdown()
                await postgres.shutdown()
            }
        }
    }

    /// A number that may be another one while somebody works on this test.
    private static func setting<Number: FixedWidthInteger>(_ name: String, _ usual: Number) -> Number {
        ProcessInfo.processInfo.environment[name].flatMap { Number($0) } ?? usual
    }

    private static func expectAgreement(
        _ load: AppLoad, _ lab: LabUnderTest, _ info: LabUnderTest.Info, _ postgres: PostgresClient
    ) async throws {
        let agreement = Agreement(
            lab: lab, postgres: postgres, domain: info.domain, docs: info.docs,
            apps: load.kept.union(["provisioner", "dns-manager", "proxy-router"]))
        let agrees = try await eventually(within: .seconds(120)) { try await agreement.differences().isEmpty }
        guard !agrees else { return }
        let lines = try await agreement.differences() + agreement.explanations()
        try #require(Bool(false), "\(lines.joined(separator: "\n"))")
    }

    /// Every app answers through the real proxy with the lab's certificate; a removed one has none.
    private static func expectOnlineFromOutside(
        _ load: AppLoad, _ info: LabUnderTest.Info, _ logger: Logger
    ) async throws {
        var configuration = HTTPClientConfiguration()
        configuration.trust = .authorities(pem: try String(contentsOfFile: info.ca, encoding: .utf8))
        let client = HTTPClient(configuration: configuration, logger: logger)
        let port = try #require(Int(info.httpsPort))
        func fetch(_ app: String) async throws -> String {
            let host = "\(app).\(info.domain)"
            var request = HTTPRequest(url: "https://\(host):\(port)/")
            request.connectOverrides = [.resolve(host, port: port, to: "127.0.0.1")]
            request.retries = .never
            return try await client.execute(request).text
        }
        // The last blow may have hit the proxy, which is back in a moment.
        for app in load.kept.sorted() {
            let isServed = try await eventually { (try? await fetch(app)) == "hello from faults\n" }
            #expect(isServed, "\(app)")
        }
        for app in load.removed.sorted() {
            await #expect(throws: HTTPClientError.self, "\(app)") { try await fetch(app) }
        }
        await client.shutdown()
    }

    private static func expectNoEventLost(_ consumer: EventConsumer, _ postgres: PostgresClient) async throws {
        let isComplete = try await eventually(within: .seconds(90)) {
            let unrelayed = try await postgres.query("select 1 from lab.event where relayed_at is null limit 1")
            guard unrelayed.isEmpty else { return false }
            return try await lost(consumer, postgres).isEmpty
        }
        if !isComplete { Issue.record("never delivered: \(try await lost(consumer, postgres))") }

        let rows = try await postgres.query(
            """
            select event_id::text || ' ' || count(*) from public.effect group by event_id having count(*) <> 1
            union all
            select e.id::text || ' has no effect' from lab.event e
            where not exists (select from public.effect f where f.event_id = e.id)
            """)
        let wrong = try rows.map { try $0.value(at: 0, as: String.self) }
        #expect(wrong.isEmpty)
    }

    private static func lost(_ consumer: EventConsumer, _ postgres: PostgresClient) async throws -> [String] {
        let delivered = consumer.delivered
        return try await postgres.query("select id, type, coalesce(name, '') from lab.event order by sequence")
            .compactMap { row in
                let (id, type, name) = try row.decode((UUIDv7, String, String).self)
                return delivered[id] == nil ? "\(type) \(name)" : nil
            }
    }

    private static func expectNothingTwice(_ load: AppLoad, _ postgres: PostgresClient) async throws {
        let stories = try await AppStory.all(postgres)
        #expect(stories.values.flatMap(\.contradictions) == [])
        for app in load.kept.union(load.removed).sorted() {
            let story = try #require(stories[app])
            let isRemoved = load.removed.contains(app)
            #expect(story.counts["app.declared"] == (load.changed.contains(app) ? 2 : 1), "\(app)")
            #expect(story.counts["app.removal_asked"] == (isRemoved ? 1 : nil), "\(app)")
            #expect(story.counts["app.removed"] == (isRemoved ? 1 : nil), "\(app)")
            #expect(isRemoved || story.isOnline, "\(app)")
        }
        // What was asked for once, in spite of repeated requests, has risen the generation once. A route that was made
        // after its app's change may have the second title from its beginning: who makes it looks when it can.
        let rows = try await postgres.query(
            """
            select r.kind, r.name, r.generation, coalesce(r.spec ->> 'title', ''), r.created_at > app.updated_at
            from lab.resource r join lab.resource app on app.kind = 'App' and app.name = split_part(r.name, '.', 1)
            where r.name like 'app-%' order by r.kind, r.name
            """)
        for row in rows {
            let (kind, name, generation, title, isLate) = try row.decode((String, String, Int64, String, Bool).self)
            let isTitled = kind == "App" || kind == "Route"
            let isChanged = load.changed.contains(name) && isTitled
            if isTitled { #expect(title == (isChanged ? "Second" : "First"), "\(kind) \(name)") }
            let isMadeChanged = isChanged && kind == "Route" && isLate && generation == 1
            #expect(generation == (isChanged && !isMadeChanged ? 2 : 1), "\(kind) \(name)")
        }
    }

    @Test("a lab that was killed at any moment of its start starts the next time")
    func killsDuringStart() async throws {
        var generator = SeededGenerator(seed: 3)
        let moments = (0..<10).map { _ in Double.random(in: 0.02...3, using: &generator) }
        try await LabUnderTest.withDirectory { lab in
            for moment in moments {
                // Ended by SIGKILL from outside, as by the kernel that is out of memory: none of its own steps runs.
                _ = try await Program.run(
                    "timeout", ["--foreground", "-s", "KILL", "\(moment)", LabUnderTest.program, "up", "--json"],
                    environment: ["LAB_STATE_DIR": lab.directory, "NO_COLOR": "1"], timeout: .seconds(30))
            }
            try await lab.up()
            let ports = try await lab.info().https
            try await TestUpstream.with("notes") { upstream in
                let deployed = try await lab.deploy("notes", upstream: upstream)
                #expect(deployed.status.isSuccess, "\(deployed.standardOutput)\(deployed.standardError)")
            }
            try await lab.killAndStartAnew()
            #expect(try await lab.info().https == ports)
        }
    }
}
