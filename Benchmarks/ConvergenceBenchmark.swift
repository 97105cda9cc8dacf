import Foundation
import LabKit
import LabServers
import LabTesting

/// Ten thousand records and a thousand routes, declared at once from nothing: until all of them are observed to be
/// true, and what it costs to look at them again when nothing has changed.
enum ConvergenceBenchmark {
    private static let records = 10_000
    private static let routes = 1_000
    /// Two comparisons of the records with the resolver, one a minute.
    private static let quiet: Duration = .seconds(120)
    /// After the second look at what has come up, and before the next regular one, which comes after 51 seconds: four
    /// comparisons of the routes a minute, and no probe.
    private static let betweenProbes: Duration = .seconds(35)

    /// Until a lab that has started does nothing by itself: 40 seconds after its first connection to the broker, it tells
    /// the latest events once more.
    private static let start: Duration = .seconds(45)

    static func run() async throws -> [Measurement] {
        try await withAnsweringNginx { upstream in
            let whole = try await RunningLab.with { lab in
                try await Task.sleep(for: start)
                let idle = try await cpuPerMinute(of: lab, for: .seconds(60))
                let time = try await converge(lab, records: records, routes: routes, upstream)
                return (time: time, idle: idle, all: try await cpuPerMinute(of: lab, for: quiet))
            }
            let recordsAlone = try await RunningLab.with { lab in
                try await Task.sleep(for: start)
                _ = try await converge(lab, records: records, routes: 0, upstream)
                return try await cpuPerMinute(of: lab, for: quiet)
            }
            let routesAlone = try await RunningLab.with { lab in
                try await Task.sleep(for: start)
                _ = try await converge(lab, records: 0, routes: routes, upstream)
                return try await cpuPerMinute(of: lab, for: betweenProbes)
            }
            let recordLook = recordsAlone - whole.idle
            let routeLook = (routesAlone - whole.idle) / 4
            return [
                Measurement("\(records) records and \(routes) routes to converged", whole.time.seconds, unit: "s"),
                Measurement("CPU of a lab with the platform's apps alone", whole.idle * 1000, unit: "ms a minute"),
                Measurement("resync of \(records) records without a change", recordLook * 1000, unit: "ms of CPU"),
                Measurement("resync of \(routes) routes without a change", routeLook * 1000, unit: "ms of CPU"),
                Measurement(
                    "all of it, with the HTTPS probe of each route", (whole.all - whole.idle) * 1000,
                    unit: "ms of CPU a minute"),
            ]
        }
    }

    private static func cpuPerMinute(of lab: RunningLab, for duration: Duration) async throws -> Double {
        let before = try ProcessFigures.cpuSeconds(of: lab.info.pids.lab)
        let start = ContinuousClock.now
        try await Task.sleep(for: duration)
        let spent = try ProcessFigures.cpuSeconds(of: lab.info.pids.lab) - before
        return spent * 60 / (ContinuousClock.now - start).seconds
    }

    private static func converge(
        _ lab: RunningLab, records: Int, routes: Int, _ upstream: Int
    ) async throws -> Duration {
        let postgres = PostgresClient(try PostgresConfiguration(connectionString: lab.info.postgres), logger: .silent)
        do {
            let declarations = try declarations(lab.info.domain, records: records, routes: routes, upstream)
            let start = ContinuousClock.now
            try await ResourceStore(postgres: postgres).declare(declarations)
            try await untilTrue(records + routes * 3, in: postgres)
            let duration = ContinuousClock.now - start
            try await untilRelayed(in: postgres)
            // What was looked at in haste is looked at once more.
            try await Task.sleep(for: .seconds(4))
            await postgres.shutdown()
            return duration
        } catch {
            await postgres.shutdown()
            throw error
        }
    }

    /// Waits until every event was handed to the broker, which is part of no look.
    private static func untilRelayed(in postgres: PostgresClient) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
            let rows = try await postgres.query("select count(*) from lab.event where relayed_at is null")
            if try rows.first?.value(at: 0, as: Int64.self) == 0 { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw BenchmarkFailure("events wait for the broker after 120 s")
    }

    private static func declarations(
        _ domain: String, records: Int, routes: Int, _ upstream: Int
    ) throws -> [Declaration] {
        var declarations: [Declaration] = []
        for number in 0..<records {
            let host = "bench-record-\(number).\(domain)"
            let spec: JSONValue = [
                "name": .string(host), "type": "A", "ttl": 300,
                "values": .array([.string("10.\(number / 65_536).\(number / 256 % 256).\(number % 256)")]),
            ]
            declarations.append(
                try Declaration(ResourceKey(kind: "Record", name: ResourceName("\(host):a")), spec: spec))
        }
        for number in 0..<routes {
            let spec: JSONValue = [
                "host": .string("bench-route-\(number).\(domain)"), "upstream": .string("http://127.0.0.1:\(upstream)"),
            ]
            declarations.append(
                try Declaration(ResourceKey(kind: "Route", name: ResourceName("bench-route-\(number)")), spec: spec))
        }
        return declarations
    }

    /// Waits until so many conditions of the present generations are true: a record's Resolvable, a route's three.
    private static func untilTrue(_ count: Int, in postgres: PostgresClient) async throws {
        let deadline = ContinuousClock.now + .seconds(300)
        var seen: Int64 = 0
        while ContinuousClock.now < deadline {
            let rows = try await postgres.query(
                """
                select count(*) from lab.condition c join lab.resource r using (kind, name)
                where c.status = 'true' and c.observed_generation = r.generation and r.name like 'bench-r%'
                    and (c.kind = 'Record' and c.type = 'Resolvable' and r.owner_kind is null
                        or c.kind = 'Route' and c.type in ('Routed', 'Resolvable', 'Online'))
                """)
            seen = try rows.first?.value(at: 0, as: Int64.self) ?? 0
            if seen >= Int64(count) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw BenchmarkFailure("\(seen) of \(count) conditions are true after 300 s")
    }
}
