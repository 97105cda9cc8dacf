import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

extension DockerTests {
    @Test("a release that fails is left standing where its file says so, and the lab touches nothing of it")
    func leftStanding() async throws {
        try await DockerUnderTest.with { lab, docker in
            let folder = lab.directory + "-hello/hello"
            let pause = "deploy: {update_config: {failure_action: pause}}"
            try Self.writeApp(folder, page: "good\n")
            #expect(try await lab.run(["deploy", folder]).status.isSuccess)

            try Self.writeApp(folder, page: "bad\n", check: "false", more: pause)
            let bad = try await lab.run(["deploy", folder])
            #expect(!bad.status.isSuccess)
            #expect(bad.standardError.contains("LeftStanding"), "\(bad.standardError)")
            #expect(bad.standardError.contains("web is unhealthy. It is left standing"), "\(bad.standardError)")
            #expect(try await lab.fetch("hello.home.arpa").standardOutput == "bad\n")
            #expect(
                try await lab.run(["releases", "hello"]).standardOutput.contains("left standing: web is unhealthy"))
            // Nobody starts again what has ended: somebody may be looking at it.
            _ = try await docker.run(["stop", "--time", "1"] + docker.ids(of: "hello", service: "web"))
            try await lab.strike(.lab)
            try await lab.up()
            try await Task.sleep(for: .seconds(3))
            #expect(try await docker.containers(of: "hello") == ["helper running", "web exited"])

            // The next one goes back to the last that ran.
            try Self.writeApp(folder, page: "worse\n", check: "false")
            let worse = try await lab.run(["deploy", folder])
            #expect(worse.standardError.contains("Release 1 runs on"), "\(worse.standardError)")
            #expect(try await lab.fetch("hello.home.arpa").standardOutput == "good\n")

            try Self.writeApp(folder, page: "bad\n", check: "false", more: pause)
            #expect(try await lab.run(["deploy", folder]).standardError.contains("LeftStanding"))
            let back = try await lab.run(["rollback", "hello"])
            #expect(back.status.isSuccess, "\(back.standardError)")
            #expect(try await lab.fetch("hello.home.arpa").standardOutput == "good\n")
            try FileManager.default.removeItem(atPath: lab.directory + "-hello")
        }
    }

    @Test("old releases go with the names of their images, and never what runs or what going back leads to")
    func pruning() async throws {
        try await DockerUnderTest.with(["LAB_RELEASES_KEPT": "2"]) { lab, docker in
            let image = "lab-test/\(docker.prefix)pruned:latest"
            let folder = lab.directory + "-pruned/pruned"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            func deploy(_ page: String, check: String = "true") async throws -> ProgramResult {
                try await docker.build(image, page: page)
                let compose = """
                    services:
                      web:
                        image: \(image)
                        expose: ["80"]
                        environment: {PAGE: \(page)}
                        healthcheck: {test: ["CMD-SHELL", "\(check)"], interval: 1s, retries: 1}
                    """
                try Data(compose.utf8).write(to: URL(filePath: folder + "/compose.yaml"))
                return try await lab.run(["deploy", folder])
            }
            func releases() async throws -> [String] {
                let table = try await lab.run(["releases", "pruned"]).standardOutput
                return table.split(separator: "\n").dropFirst().map { line in
                    line.split(separator: " ").prefix(2).joined(separator: " ")
                }
            }
            func imageNames() async throws -> Int {
                try await docker.imageNames().count { $0.hasPrefix("lab.local/") }
            }
            // Only the first release has this file; it goes with the app all the same.
            try Data("old\n".utf8).write(to: URL(filePath: folder + "/old.txt"))
            for page in ["one", "two", "three", "four"] {
                let deployed = try await deploy(page)
                #expect(deployed.status.isSuccess, "\(deployed.standardError)")
                if page == "one" { try FileManager.default.removeItem(atPath: folder + "/old.txt") }
            }
            #expect(try await eventually { try await releases() == ["4 live", "3 replaced"] })
            #expect(try await eventually { try await imageNames() == 2 })

            for (page, kept) in [
                ("five", ["5 failed", "4 live", "3 replaced"]),
                ("six", ["6 failed", "5 failed", "4 live", "3 replaced"]),
            ] {
                #expect(try await deploy(page, check: "false").status.isSuccess == false)
                _ = try await eventually { try await releases() == kept }
                #expect(try await releases() == kept)
                #expect(try await eventually { try await imageNames() == kept.count })
            }
            let gone = try await lab.run(["rollback", "pruned", "1"])
            #expect(gone.standardError.contains("has no release 1"), "\(gone.standardError)")
            let back = try await lab.run(["rollback", "pruned"])
            #expect(back.status.isSuccess, "\(back.standardError)")
            #expect(try await lab.fetch("pruned.home.arpa").standardOutput == "three\n")
            #expect(
                try await eventually { try await releases() == ["7 live", "6 failed", "4 replaced", "3 replaced"] })

            #expect(try await lab.run(["remove", "pruned", "--yes"]).status.isSuccess)
            #expect(try await imageNames() == 0)
            #expect(try FileManager.default.contentsOfDirectory(atPath: lab.directory + "/apps") == [])
            _ = try await docker.run(["rmi", "--force", image])
            try FileManager.default.removeItem(atPath: lab.directory + "-pruned")
        }
    }
}
