import Foundation
import LabCore
import LabServers
import LabTesting
import Synchronization
import Testing

extension DockerTests {
    @Test("what a registry answers is said with its remedy, and what runs goes on running until it gives the image")
    func registry() async throws {
        try await withTemporaryDirectory { logins in
            try await DockerUnderTest.with(["DOCKER_CONFIG": logins]) { lab, docker in
                try await TestRegistry.with { registry in
                    try await Self.pulls(lab, docker, registry, logins)
                }
            }
        }
    }

    private static let faults: [(mood: TestRegistry.Mood, words: [String])] = [
        (.wantsLogin, ["asks for a login (401)", "docker login 127.0.0.1:"]),
        (
            .fails(status: 429, code: "TOOMANYREQUESTS", message: "pull rate limit"),
            ["was asked too often (429)", "pull rate limit", "Wait until its limit is over"]
        ),
        (.fails(status: 500, code: "UNKNOWN", message: "oops"), ["has a fault of its own (500)", "Try again later"]),
        (.fails(status: 403, code: "DENIED", message: "not yours"), ["does not give it (403)", "docker login"]),
    ]

    private static func pulls(
        _ lab: LabUnderTest, _ docker: DockerUnderTest, _ registry: TestRegistry, _ logins: String
    ) async throws {
        let local = "lab-test/\(docker.prefix)given:1"
        let image = "\(registry.host)/household/page"
        /// Has the registry give away an image that the engine does not have.
        func give(_ page: String) async throws {
            try await docker.build(local, page: page)
            try await registry.take(local, as: "household/page:1", docker)
            _ = try await docker.run(["rmi", "--force", local])
        }
        let folder = lab.directory + "-page/page"
        func write(_ tag: String, note: String) throws {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let compose = """
                services:
                  web: {image: "\(image):\(tag)", expose: ["80"], volumes: ["./note.txt:/usr/share/nginx/html/note.txt:ro"]}
                """
            try Data(compose.utf8).write(to: URL(filePath: folder + "/compose.yaml"))
            try Data(note.utf8).write(to: URL(filePath: folder + "/note.txt"))
        }
        func page(_ path: String = "/") async throws -> String {
            try await lab.fetch("page.home.arpa", path: path).standardOutput
        }
        try await give("one")
        try write("1", note: "first\n")
        let deployed = try await lab.run(["deploy", folder])
        #expect(deployed.status.isSuccess, "\(deployed.standardError)")
        #expect(try await page() == "one\n")

        for (mood, words) in faults {
            registry.mood.withLock { $0 = mood }
            let failed = try await lab.run(["upgrade", "page"])
            #expect(!failed.status.isSuccess)
            for word in words + ["The image \(image):1 of the service “web”"] {
                #expect(failed.standardError.contains(word), "\(word): \(failed.standardError)")
            }
            #expect(try await page() == "one\n")
        }
        // The engine has no image of this tag, and neither has the registry.
        registry.mood.withLock { $0 = .serves }
        try write("2", note: "second\n")
        try Data("more\n".utf8).write(to: URL(filePath: folder + "/more.txt"))
        let missing = try await lab.run(["deploy", folder])
        for word in ["\(image):2", "does not have it (404)", "Release 1 runs on", "the name and the tag"] {
            #expect(missing.standardError.contains(word), "\(word): \(missing.standardError)")
        }
        #expect(try await page() == "one\n")
        #expect(try await page("/note.txt") == "first\n")

        try FileManager.default.removeItem(atPath: folder + "/more.txt")
        try write("1", note: "first\n")
        #expect(try await lab.run(["deploy", folder]).status.isSuccess)
        #expect(try await lab.run(["upgrade", "page"]).standardOutput.contains("is the newest already"))
        try await give("two")
        registry.mood.withLock { $0 = .wantsLogin }
        let login = try await docker.run(
            ["--config", logins, "login", "--username", TestRegistry.user, "--password", TestRegistry.password]
                + [registry.host])
        try #require(login.status.isSuccess, "\(login.standardError)")
        let upgraded = try await lab.run(["upgrade", "page"])
        #expect(upgraded.status.isSuccess, "\(upgraded.standardError)")
        #expect(try await page() == "two\n")

        // Nor does a file stay that came with a release that was never made.
        #expect(try await lab.run(["remove", "page", "--yes"]).status.isSuccess)
        #expect(try FileManager.default.contentsOfDirectory(atPath: lab.directory + "/apps") == [])
        _ = try await docker.run(["rmi", "--force", "\(image):1"])
        try FileManager.default.removeItem(atPath: lab.directory + "-page")
    }
}
