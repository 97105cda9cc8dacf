import Foundation
import LabKit
import LabServers
import LabTesting

/// `lab deploy` of an app of three services, until it is online with its name and its certificate, beside a bare
/// `docker compose up -d --wait` of the same file: in turns, each from nothing.
enum ContainersBenchmark {
    private static let rounds = 10

    private static let file = """
        services:
          web:
            image: nginx
            expose: ["80"]
            depends_on: {api: {condition: service_healthy}}
            healthcheck: &check
              test: [CMD, curl, --fail, --silent, http://127.0.0.1/]
              interval: 5s
              start_period: 10s
              start_interval: 200ms
          api:
            image: nginx
            depends_on: {store: {condition: service_healthy}}
            healthcheck: *check
          store:
            image: nginx
            volumes: [data:/data]
            healthcheck: *check
        volumes: {data: {}}
        x-lab: {expose: {service: web, port: 80}}

        """

    static func run() async throws -> [Measurement] {
        guard (try? await Program.run("docker", ["compose", "ls"]))?.status.isSuccess == true else {
            throw BenchmarkFailure("no Docker engine answers with an image nginx; start one first")
        }
        return try await RunningLab.with { lab in
            let path = lab.info.stateDir + "-compose.yaml"
            try Data(file.utf8).write(to: URL(filePath: path))
            defer { try? FileManager.default.removeItem(atPath: path) }
            let environment = ["LAB_STATE_DIR": lab.info.stateDir, "NO_COLOR": "1"]
            var ours: [Double] = []
            var bare: [Double] = []
            for round in 0...rounds {
                let start = ContinuousClock.now
                try await Program.run(
                    RunningLab.program, ["deploy", path, "--name", "bench"], environment: environment,
                    timeout: .seconds(120)
                ).orThrow()
                let own = (ContinuousClock.now - start).milliseconds
                try await Program.run(
                    RunningLab.program, ["remove", "bench", "--yes", "--volumes"], environment: environment,
                    timeout: .seconds(120)
                ).orThrow()
                let compose = ["compose", "--project-name", "lab-bench-bare", "--file", path]
                let begin = ContinuousClock.now
                try await Program.run("docker", compose + ["up", "--detach", "--wait"], timeout: .seconds(120))
                    .orThrow()
                let other = (ContinuousClock.now - begin).milliseconds
                try await Program.run("docker", compose + ["down", "--volumes"], timeout: .seconds(120)).orThrow()
                // The first round warms both.
                if round > 0 {
                    ours.append(own)
                    bare.append(other)
                }
            }
            return [
                Measurement(
                    "deploy of three services to Online, median of \(rounds)", ours: ours.median,
                    peer: ("docker compose up -d --wait", bare.median), unit: "ms")
            ]
        }
    }
}
