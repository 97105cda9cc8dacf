import Foundation
import LabKit
import LabServers
import LabTesting

/// The pool's statements a second beside `pgbench`: same statement, same number of connections, same server.
enum PoolBenchmark {
    private static let connections = 8
    private static let seconds = 3
    private static let rounds = 5

    static func run() async throws -> [Measurement] {
        try await withPrivatePostgres { server in
            var configuration = try PostgresConfiguration(connectionString: server.connectionString)
            configuration.maximumConnections = connections
            let pool = PostgresClient(configuration, logger: .silent)
            var single: [Double] = []
            var pipelined: [Double] = []
            var peer: [Double] = []
            _ = try await oneByOne(pool, for: .milliseconds(500))
            // Alternately, so that what else the machine does meets all of them.
            for _ in 0..<rounds {
                peer.append(try await pgbench(server))
                single.append(try await oneByOne(pool, for: .seconds(seconds)))
                pipelined.append(try await inPipelines(pool, for: .seconds(seconds)))
            }
            await pool.shutdown()
            let theirs = (name: "pgbench, prepared, one by one", value: peer.median)
            return [
                Measurement(
                    "`select $1::int`, \(connections) connections, one by one", ours: single.median, peer: theirs,
                    unit: "/s"),
                Measurement("the same, 32 in a pipeline", ours: pipelined.median, peer: theirs, unit: "/s"),
            ]
        }
    }

    private static func oneByOne(_ pool: PostgresClient, for duration: Duration) async throws -> Double {
        try await rate(for: duration) { number in
            try await pool.query("select \(number)::int")
            return 1
        }
    }

    private static func inPipelines(_ pool: PostgresClient, for duration: Duration) async throws -> Double {
        try await rate(for: duration) { number in
            let queries = (0..<32).map { PostgresQuery("select \(number &+ Int32($0))::int") }
            return try await pool.pipeline(queries).count
        }
    }

    /// Statements a second over all connections.
    private static func rate(
        for duration: Duration, _ statement: @escaping @Sendable (Int32) async throws -> Int
    ) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + duration
        let total = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<connections {
                group.addTask {
                    var count = 0
                    while clock.now < end { count += try await statement(Int32(task &* 1000 &+ count % 1000)) }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(total) / (clock.now - start).seconds
    }

    private static func pgbench(_ server: PrivatePostgres) async throws -> Double {
        try await PGBench.rate(
            "\\set number random(1, 1000000)\nselect :number::int;\n", on: server.connectionString,
            connections: connections, seconds: seconds)
    }
}

/// PostgreSQL's own load generator.
enum PGBench {
    /// Transactions a second of a script of one statement, prepared.
    static func rate(
        _ script: String, on connectionString: String, connections: Int, seconds: Int
    ) async throws -> Double {
        try await withTemporaryDirectory { directory in
            let path = directory + "/statement.sql"
            try Data(script.utf8).write(to: URL(filePath: path))
            let result = try await Program.run(
                "pgbench",
                [
                    "--no-vacuum", "--protocol=prepared", "--client=\(connections)", "--jobs=2",
                    "--time=\(seconds)", "--file=\(path)", connectionString,
                ]
            ).orThrow()
            let line = result.standardOutput.split(separator: "\n").first { $0.hasPrefix("tps = ") }
            guard let number = line?.split(separator: " ").dropFirst(2).first, let rate = Double(number) else {
                throw BenchmarkFailure("pgbench told no rate: \(result.standardOutput)\(result.standardError)")
            }
            return rate
        }
    }
}
