import Foundation
import LabKit
import LabServers
import LabTesting
import Synchronization

/// The HTTP client beside `curl --parallel`: small answers of nginx, 32 requests in flight on connections that are kept.
enum ClientBenchmark {
    private static let count = 40_000
    private static let inFlight = 32
    private static let rounds = 3

    static func run() async throws -> [Measurement] {
        try await withAnsweringNginx { port in
            let client = HTTPClient(logger: .silent)
            var ours: [Double] = []
            var peer: [Double] = []
            for _ in 0..<rounds {
                peer.append(Double(count) / (try await curl(port)).seconds)
                ours.append(Double(count) / (try await own(client, port)).seconds)
            }
            await client.shutdown()
            return [
                Measurement(
                    "HTTP client, GET, \(inFlight) in flight", ours: ours.median,
                    peer: ("curl --parallel", peer.median), unit: "requests/s")
            ]
        }
    }

    private static func own(_ client: HTTPClient, _ port: Int) async throws -> Duration {
        let next = Counter()
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<inFlight {
                group.addTask {
                    while true {
                        let number = next.next()
                        guard number <= count else { return }
                        let response = try await client.execute(HTTPRequest(url: "http://127.0.0.1:\(port)/\(number)"))
                        guard response.status == 200 else {
                            throw BenchmarkFailure("nginx answered \(response.status)")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return ContinuousClock.now - start
    }

    private static func curl(_ port: Int) async throws -> Duration {
        let start = ContinuousClock.now
        try await Program.run(
            "curl",
            [
                "--silent", "--fail", "--parallel", "--parallel-max", String(inFlight), "--output", "/dev/null",
                "http://127.0.0.1:\(port)/[1-\(count)]",
            ], timeout: .seconds(120)
        ).orThrow()
        return ContinuousClock.now - start
    }
}

/// Numbers from 1, each given once.
private final class Counter: Sendable {
    private let given = Atomic<Int>(0)

    func next() -> Int { given.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// Runs an nginx that answers every path with a few bytes.
func withAnsweringNginx<Result: Sendable>(
    _ body: @escaping @Sendable (_ port: Int) async throws -> Result
) async throws -> Result {
    try await withPrivateNginx { nginx in
        let site = """
            server {
                listen 127.0.0.1:\(nginx.ports[1]);
                keepalive_requests 1000000;
                location / { default_type text/plain; return 200 "hello\\n"; }
            }

            """
        try Data(site.utf8).write(to: URL(filePath: nginx.server.siteDirectory + "/answer.conf"))
        try await nginx.reload()
        try await BackgroundProgram.untilListening(nginx.ports[1])
        return try await body(nginx.ports[1])
    }
}
