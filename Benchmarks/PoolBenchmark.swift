import Foundation
import LabKit
import LabTesting

/// The pool's statements a second beside `pgbench`, same statement, same number of connections, on the same server.
enum PoolBenchmark {
    private static let connections = 8
    private static let seconds = 4

    static func run() async throws -> [Measurement] {
        try await withPrivatePostgres { server in
            var configuration = try PostgresConfiguration(connectionString: server.connectionString)
            configuration.maximumConnections = connections
            let pool = PostgresClient(configuration, logger: .silent)
            var single: [Double] = []
            var pipelined: [Double] = []
            var peer: [Double] = []
            // Alternately, so that what else the machine does meets both.
            for _ in 0..<3 {
                peer.append(try await pgbench(server))
                single.append(try await oneByOne(pool))
                pipelined.append(try await inPipelines(pool))
            }
            await pool.shutdown()
            return [
                Measurement(
                    "select $1::int, \(connections) connections, one by one", ours: single.median, peer: peer.median,
                    unit: "/s (pgbench -M prepared)"),
                Measurement(
                    "the same, 32 in a pipeline", ours: pipelined.median, peer: peer.median,
                    unit: "/s (pgbench -M prepared)"),
            ]
        }
    }

    private static func oneByOne(_ pool: PostgresClient) async throws -> Double {
        try await rate { number in
            _ = try await pool.query("select \(number)::int")
            return 1
        }
    }

    private static func inPipelines(_ pool: PostgresClient) async throws -> Double {
        try await rate { number in
            let queries = (0..<32).map { PostgresQuery("select \(number &+ Int32($0))::int") }
            return try await pool.pipeline(queries).count
        }
    }

    /// Statements a second over all connections.
    private static func rate(_ statement: @escaping @Sendable (Int32) async throws -> Int) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(seconds)
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
        try await withTemporaryDirectory { directory in
            let script = directory + "/statement.sql"
            try Data("\\set number random(1, 1000000)\nselect :number::int;\n".utf8)
                .write(to: URL(filePath: script))
            let result = try await Program.run(
                "pgbench",
                [
                    "--no-vacuum", "--protocol=prepared", "--client=\(connections)", "--jobs=2",
                    "--time=\(seconds)", "--file=\(script)", server.connectionString,
                ])
            let line = result.standardOutput.split(separator: "\n").first { $0.hasPrefix("tps = ") }
            guard let number = line?.split(separator: " ").dropFirst(2).first, let rate = Double(number) else {
                throw CommandFailure(program: "pgbench", output: result.standardError)
            }
            return rate
        }
    }
}

/// A peer that did not do its part.
struct CommandFailure: Error, CustomStringConvertible {
    let program: String
    let output: String
    var description: String { "\(program) failed: \(output)" }
}
