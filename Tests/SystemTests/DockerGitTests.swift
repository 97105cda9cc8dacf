import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

extension DockerTests {
    /// Makes commits in a folder beside a bare repository, as somebody would who works on an app.
    private struct Work {
        let directory: String
        var repository: String { directory + "/stacks.git" }

        @discardableResult
        func git(_ arguments: [String]) async throws -> String {
            try await Program.run(
                "git", ["-c", "user.name=Anna", "-c", "user.email=anna@example.org"] + arguments,
                directory: directory + "/work"
            ).orThrow().standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        func start() async throws {
            try FileManager.default.createDirectory(atPath: directory + "/work", withIntermediateDirectories: true)
            try await git(["init", "--quiet", "--initial-branch", "main"])
            try await git(["init", "--quiet", "--bare", "--initial-branch", "main", repository])
        }

        /// - Returns: the commit's hash.
        func commit(_ page: String, branch: String = "main") async throws -> String {
            try DockerTests.writeApp(directory + "/work/apps/hello", page: page)
            try await git(["add", "--all"])
            try await git(["commit", "--quiet", "--message", "Say \(page.trimmingCharacters(in: .newlines))"])
            try await git(["push", "--quiet", repository, "HEAD:\(branch)"])
            return try await git(["rev-parse", "HEAD"])
        }
    }

    @Test("a folder of a Git repository is deployed, and its commit is the reason of the release")
    func gitRepository() async throws {
        try await DockerUnderTest.with { lab, docker in
            var commands = lab
            let temporary = lab.directory + "-temporary"
            commands.environment["TMPDIR"] = temporary
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
            let work = Work(directory: lab.directory + "-work")
            try await work.start()
            try FileManager.default.createDirectory(
                atPath: work.directory + "/work/apps/hello", withIntermediateDirectories: true)
            // A link must not bring a file of the machine along.
            try FileManager.default.createSymbolicLink(
                atPath: work.directory + "/work/apps/hello/link", withDestinationPath: "/etc/hostname")
            let first = try await work.commit("one\n")
            let second = try await work.commit("two\n", branch: "next")
            let url = "file://\(work.repository)"

            let planned = try await commands.run(["plan", url + "#:apps/hello"])
            #expect(planned.standardOutput.contains("+ container   web"), "\(planned.standardError)")
            for (fragment, page, message) in [
                ("#:apps/hello", "one\n", "\(first.prefix(12)) Say one"),
                ("#next:apps/hello", "two\n", "\(second.prefix(12)) Say two"),
                ("#\(first):apps/hello", "one\n", "\(first.prefix(12)) Say one"),
            ] {
                let deployed = try await commands.run(["deploy", url + fragment])
                #expect(deployed.status.isSuccess, "\(fragment): \(deployed.standardError)")
                #expect(try await lab.fetch("hello.home.arpa").standardOutput == page)
                let newest = try await lab.run(["releases", "hello"]).standardOutput.split(separator: "\n").dropFirst()
                    .first
                #expect(newest?.contains(message) == true, "\(newest ?? "")")
            }
            let link = try String(contentsOfFile: lab.directory + "/apps/hello/project/link", encoding: .utf8)
            #expect(link == "/etc/hostname")
            let told = try await commands.run(["deploy", url + "#next:apps/hello", "-m", "my own words"])
            #expect(told.status.isSuccess, "\(told.standardError)")
            #expect(try await lab.run(["releases", "hello"]).standardOutput.contains("my own words"))

            for (wrong, words) in [
                ("\(url)#nowhere:apps/hello", "couldn't find remote ref nowhere"),
                ("\(url)#main:apps/other", "has no “apps/other” at main"), ("\(url)", "has no Compose file"),
                ("file://\(work.directory)/no.git", "does not appear to be a git repository"),
                ("https://127.0.0.1:\(LoopbackPort.free())/x.git", "git cannot fetch"),
                ("git://127.0.0.1/x.git", "no protocol that the lab fetches repositories with"),
            ] {
                let result = try await commands.run(["deploy", wrong])
                #expect(!result.status.isSuccess)
                #expect(result.standardError.contains(words), "\(wrong): \(result.standardError)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
            for folder in [temporary, work.directory] { try FileManager.default.removeItem(atPath: folder) }
        }
    }
}
