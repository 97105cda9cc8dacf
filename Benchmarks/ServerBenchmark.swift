import Foundation
import LabKit
import LabServers

/// Requests a second of a running lab's API, with `wrk` on the same cores.
enum ServerBenchmark {
    private static let connections = 32
    private static let seconds = 5
    private static let rounds = 3

    static func run() async throws -> [Measurement] {
        try await withAnsweringNginx { upstream in
            try await RunningLab.with { lab in
                let generation = try await lab.put(
                    "/v1/apps/bench", ["upstream": .string("http://127.0.0.1:\(upstream)")])
                try await lab.wait(kind: "apps", "bench", generation: generation, until: "Online")
                var health: [Double] = []
                var reads: [Double] = []
                var bare: [Double] = []
                var database: [Double] = []
                for _ in 0..<rounds {
                    bare.append(try await BareServer.with { try await wrk("http://127.0.0.1:\($0)/") })
                    health.append(try await wrk(lab.info.api + "/healthz"))
                    reads.append(try await wrk(lab.info.api + "/v1/apps/bench", token: lab.token))
                    database.append(try await theirs(lab))
                }
                return [
                    Measurement(
                        "`GET /healthz`, \(connections) connections", ours: health.median,
                        peer: ("the HTTP framework alone, a constant", bare.median), unit: "requests/s"),
                    Measurement(
                        "`GET /v1/apps/NAME` with a token", ours: reads.median,
                        peer: ("pgbench, its statement alone", database.median), unit: "requests/s"),
                ]
            }
        }
    }

    private static func wrk(_ url: String, token: Secret<String>? = nil) async throws -> Double {
        var arguments = ["--threads", "2", "--connections", String(connections), "--duration", "\(seconds)s"]
        // The lab is this benchmark's own and gone in a minute, so its token may stand among the arguments.
        if let token { arguments += ["--header", "Authorization: Bearer \(token.reveal())"] }
        let result = try await Program.run("wrk", arguments + [url], timeout: .seconds(60)).orThrow()
        let lines = result.standardOutput.split(separator: "\n")
        guard !lines.contains(where: { $0.contains("Non-2xx") || $0.contains("Socket errors") }),
            let line = lines.first(where: { $0.hasPrefix("Requests/sec:") }),
            let rate = line.split(separator: " ").last.flatMap({ Double($0) })
        else { throw BenchmarkFailure("wrk \(url): \(result.standardOutput)") }
        return rate
    }

    /// The statement that reads a resource with its conditions, without HTTP, as far as the database can go.
    private static func theirs(_ lab: RunningLab) async throws -> Double {
        try await PGBench.rate(
            """
            select r.name, r.id, r.owner_kind, r.owner_name, r.spec, r.generation, r.created_at, r.updated_at, \
            r.deleted_at, c.type, c.status, c.reason, c.message, c.observed_generation, c.observed_at, \
            c.transition_at, c.observation from lab.resource r left join lab.condition c using (kind, name) \
            where r.kind = 'App' and r.name = 'bench';

            """, on: lab.info.postgres, connections: 8, seconds: seconds)
    }
}
