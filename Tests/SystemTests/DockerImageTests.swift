import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

extension DockerTests {
    @Test("an upgrade runs what an image's name means now, is undone by a rollback, and is nothing when nothing is new")
    func upgrade() async throws {
        try await DockerUnderTest.with { lab, docker in
            let image = "lab-test/\(docker.prefix)upgraded:latest"
            let file = lab.directory + "-upgraded.yaml"
            try Data("services: {web: {image: \(image), expose: [\"80\"], pull_policy: never}}\n".utf8)
                .write(to: URL(filePath: file))
            func page() async throws -> String { try await lab.fetch("upgraded.home.arpa").standardOutput }
            try await docker.build(image, page: "one")
            let deployed = try await lab.run(["deploy", file, "--name", "upgraded"])
            #expect(deployed.status.isSuccess, "\(deployed.standardError)")
            let same = try await lab.run(["upgrade", "upgraded"])
            #expect(
                same.standardOutput.contains("is the newest already"), "\(same.standardOutput)\(same.standardError)")

            try await docker.build(image, page: "two")
            let upgraded = try await lab.run(["upgrade", "upgraded"])
            #expect(upgraded.status.isSuccess, "\(upgraded.standardError)")
            #expect(upgraded.standardOutput.contains("web") && upgraded.standardOutput.contains("→"))
            #expect(try await page() == "two\n")
            // The same declaration again does not undo it, nor make another release.
            #expect(try await lab.run(["deploy", file, "--name", "upgraded"]).status.isSuccess)
            #expect(try await page() == "two\n")
            let table = try await lab.run(["releases", "upgraded"]).standardOutput
            #expect(table.contains(/2 +live .* admin +upgrade of lab-test/), "\(table)")
            #expect(!table.contains(/3 +live/), "\(table)")

            #expect(try await lab.run(["rollback", "upgraded"]).status.isSuccess)
            #expect(try await page() == "one\n")
            let again = try await lab.run(["upgrade", "upgraded", "-m", "once more"])
            #expect(again.status.isSuccess, "\(again.standardError)")
            #expect(try await page() == "two\n")
            #expect(try await lab.run(["releases", "upgraded"]).standardOutput.contains("once more"))
            #expect(try await lab.run(["stop", "upgraded"]).status.isSuccess)
            #expect(try await lab.run(["upgrade", "upgraded"]).standardError.contains("is stopped"))

            _ = try await lab.run(["remove", "upgraded", "--yes"])
            _ = try await docker.run(["rmi", "--force", image])
            try FileManager.default.removeItem(atPath: file)
        }
    }

    @Test("an upgrade whose registry does not answer says so, and what runs goes on running")
    func upgradeWithoutRegistry() async throws {
        try await DockerUnderTest.with { lab, docker in
            // Nothing listens there.
            let image = "127.0.0.1:\(LoopbackPort.free())/\(docker.prefix)kept:1"
            try await docker.build(image, page: "kept")
            let file = lab.directory + "-kept.yaml"
            try Data("services: {web: {image: \"\(image)\", expose: [\"80\"]}}\n".utf8).write(to: URL(filePath: file))
            let deployed = try await lab.run(["deploy", file, "--name", "kept"])
            #expect(deployed.status.isSuccess, "\(deployed.standardError)")
            let failed = try await lab.run(["upgrade", "kept"])
            #expect(!failed.status.isSuccess)
            #expect(failed.standardError.contains("The image \(image) of the service “web” cannot be pulled"))
            #expect(failed.standardError.contains("connection refused"), "\(failed.standardError)")
            #expect(try await lab.fetch("kept.home.arpa").standardOutput == "kept\n")
            let status = try await lab.run(["status", "kept"])
            #expect(status.standardOutput.contains("release 1 run"), "\(status.standardOutput)")

            _ = try await lab.run(["remove", "kept", "--yes"])
            _ = try await docker.run(["rmi", "--force", image])
            try FileManager.default.removeItem(atPath: file)
        }
    }

    @Test("a command is run in a container with its arguments as they are, and ends with its code")
    func exec() async throws {
        try await DockerUnderTest.with { lab, docker in
            let folder = lab.directory + "-hello/hello"
            try Self.writeApp(folder, page: "here\n")
            #expect(try await lab.run(["deploy", folder]).status.isSuccess)
            func exec(_ arguments: [String]) async throws -> ProgramResult {
                try await lab.run(["exec", "hello"] + arguments)
            }
            let page = try await exec(["--", "cat", "/usr/share/nginx/html/index.html"])
            #expect(page.status.isSuccess && page.standardOutput == "here\n", "\(page.standardError)")
            let both = try await exec(["--", "sh", "-c", "echo \"$1\"; echo no >&2; exit 7", "sh", "a  b;$HOME"])
            #expect(both.status == .exited(7))
            #expect(both.standardOutput == "a  b;$HOME\n" && both.standardError == "no\n", "\(both.standardError)")
            // The helper has no such page.
            #expect(
                try await exec(["-s", "helper", "--", "grep", "here", "/usr/share/nginx/html/index.html"]).status
                    == .exited(1))

            let missing = try await exec(["--", "nope"])
            #expect(!missing.status.isSuccess && missing.standardOutput == "")
            #expect(missing.standardError.contains("executable file not found"), "\(missing.standardError)")
            let nobody = try await exec(["-s", "wep", "--", "ls"])
            #expect(nobody.standardError.contains("Give one of helper, web"), "\(nobody.standardError)")
            let slow = try await exec(["--timeout", "1", "--", "sleep", "20"])
            #expect(slow.standardError.contains("goes on in its container"), "\(slow.standardError)")
            let much = try await exec(["--", "sh", "-c", "yes | head -c 3000000; echo end >&2"])
            #expect(much.standardOutput.utf8.count == 1 << 20)
            #expect(much.standardError.contains("end\n") && much.standardError.contains("left out"))
            #expect(try await exec([]).status == .exited(64))

            let token = try await lab.run(["token", "create", "helper", "--scope", "act"]).standardOutput
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let refused = try await Program.run(
                "env",
                ["LAB_URL=\(try await lab.info().api)", "LAB_TOKEN=\(token)", LabUnderTest.program]
                    + ["exec", "hello", "--", "ls"])
            #expect(refused.standardError.contains("needs the scope admin"), "\(refused.standardError)")
            #expect(try await lab.run(["call", "audit.list", "--json"]).standardOutput.contains("app.exec"))
            try FileManager.default.removeItem(atPath: lab.directory + "-hello")
        }
    }
}
