import Foundation
import LabCore
import LabPostgres
import LabServers
import LabTesting
import Logging
import Synchronization
import Testing

extension DockerTests {
    /// Six lives, or as many as `LAB_DOCKER_CYCLES` says; a hundred take about eleven minutes.
    @Test("after kills of the lab, the engine and PostgreSQL amid whole lives of apps, nothing is left of them")
    func cyclesUnderKills() async throws {
        let environment = ProcessInfo.processInfo.environment
        let cycles = environment["LAB_DOCKER_CYCLES"].flatMap { Int($0) } ?? 6
        let seed = environment["LAB_FAULT_SEED"].flatMap { UInt64($0) } ?? 20_250_101
        try await DockerUnderTest.with { lab, docker in
            let info = try await lab.info()
            let progress = CycleProgress()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var generator = SeededGenerator(seed: seed)
                    while !progress.isOver {
                        try await Task.sleep(for: .seconds(Double.random(in: 2...5, using: &generator)))
                        switch Int.random(in: 0..<3, using: &generator) {
                        case 0: try await lab.killAndStartAnew()
                        case 1: try await lab.strike(.postgres)
                        default: try await docker.killEngine()
                        }
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { workers in
                    for _ in 0..<3 {
                        workers.addTask {
                            while true {
                                let number = progress.next()
                                guard number < cycles else { return }
                                try await Self.cycle("cycle\(number)", lab)
                            }
                        }
                    }
                    try await workers.waitForAll()
                }
                progress.end()
                try await group.waitForAll()
            }
            let postgres = PostgresClient(
                try PostgresConfiguration(connectionString: info.postgres),
                logger: Logger(label: "cycles") { _ in SwiftLogNoOpLogHandler() })
            let isClean = try await eventually(within: .seconds(120)) {
                (try? await Self.leftovers(lab, docker, postgres)) == []
            }
            if !isClean {
                let rest = try await Self.leftovers(lab, docker, postgres)
                Issue.record("left: \(rest.joined(separator: "; "))")
            }
            await postgres.shutdown()
        }
    }

    /// The whole life of an app; each step is asked for until the lab has taken and done it.
    private static func cycle(_ app: String, _ lab: LabUnderTest) async throws {
        let file = "\(lab.directory)-\(app).yaml"
        defer { try? FileManager.default.removeItem(atPath: file) }
        for version in ["one", "two"] {
            let compose = """
                services:
                  web: {image: nginx, expose: ["80"], environment: {VERSION: \(version)}, volumes: ["data:/data"]}
                  helper: {image: nginx}
                volumes: {data: {}}
                """
            try Data(compose.utf8).write(to: URL(filePath: file))
            try await insist(["deploy", file, "--name", app, "--timeout", "60"], lab)
        }
        try await insist(["rollback", app, "1", "--timeout", "60"], lab)
        let isGone = try await eventually(within: .seconds(180)) {
            _ = try? await lab.run(["remove", app, "--yes", "--volumes", "--timeout", "30"])
            let status = try? await lab.run(["status", app])
            return status?.standardError.contains("does not exist") ?? false
        }
        #expect(isGone, "\(app) is not gone")
    }

    private static func insist(_ arguments: [String], _ lab: LabUnderTest) async throws {
        let last = Mutex("")
        let isDone = try await eventually(within: .seconds(180)) {
            guard let result = try? await lab.run(arguments) else { return false }
            last.withLock { $0 = result.standardOutput + result.standardError }
            if !result.status.isSuccess { try await Task.sleep(for: .milliseconds(300)) }
            return result.status.isSuccess
        }
        #expect(isDone, "\(arguments): \(last.withLock { $0 })")
    }

    /// What is there of the apps although none is declared.
    private static func leftovers(
        _ lab: LabUnderTest, _ docker: DockerUnderTest, _ postgres: PostgresClient
    ) async throws -> [String] {
        var found: [String] = []
        func add(_ what: String, _ names: [String]) {
            if !names.isEmpty { found.append("\(what) \(names.sorted().joined(separator: ", "))") }
        }
        add("containers", try await docker.containerNames())
        add("networks", try await docker.networks())
        add("volumes", try await docker.volumes())
        add("names of images", try await docker.imageNames())
        for (what, query) in [
            ("resources", "select kind || ' ' || name from lab.resource where name like 'cycle%'"),
            ("releases", "select app from provisioner.release"), ("ports", "select app from provisioner.exposure"),
            ("certificates", "select name from proxy.certificate where name like 'cycle%'"),
        ] as [(String, PostgresQuery)] {
            add(what, try await postgres.query(query).map { try $0.value(at: 0, as: String.self) })
        }
        add("folders", try FileManager.default.contentsOfDirectory(atPath: lab.directory + "/apps"))
        let resolver = try await Program.run(
            "unbound-control", ["-c", lab.directory + "/unbound/unbound.conf", "list_local_data"], outputLimit: 8 << 20)
        add("records", resolver.standardOutput.split(separator: "\n").map(String.init).filter { $0.hasPrefix("cycle") })
        return found
    }
}

/// How far the cycles of all workers are.
private final class CycleProgress: Sendable {
    private let count = Atomic(0)
    private let hasEnded = Atomic(false)

    var isOver: Bool { hasEnded.load(ordering: .relaxed) }
    func next() -> Int { count.add(1, ordering: .relaxed).oldValue }
    func end() { hasEnded.store(true, ordering: .relaxed) }
}
