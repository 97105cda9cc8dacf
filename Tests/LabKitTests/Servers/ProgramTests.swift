import Glibc
import LabServers
import LabTesting
import Testing

@Suite("Programs")
struct ProgramTests {
    @Test("arguments, input and environment arrive as given, without a shell in between")
    func passesThrough() async throws {
        let echo = try await Program.run("printf", ["%s|", "a b", "$HOME", "*"])
        #expect(echo.standardOutput == "a b|$HOME|*|")
        #expect(try await Program.run("cat", input: "line\n").standardOutput == "line\n")
        let shown = try await Program.run("printenv", ["LAB_TEST"], environment: ["LAB_TEST": "x"])
        #expect(shown.standardOutput == "x\n")
    }

    @Test("a failing status is a result, and orThrow tells what the program wrote")
    func tellsFailure() async throws {
        let result = try await Program.run("ls", ["/nowhere-at-all"])
        #expect(result.status == .exited(2))
        let error = #expect(throws: ServerError.self) { try result.orThrow() }
        #expect(error?.description.contains("/nowhere-at-all") == true)
    }

    @Test("sbin programs are found, and a missing one is named with its Debian package")
    func finds() throws {
        #expect(try Program.find("nginx") == "/usr/sbin/nginx")
        #expect(
            ServerError.programMissing(program: "unbound", package: "unbound").description
                .contains("apt-get install unbound"))
        #expect(throws: ServerError.programMissing(program: "no-such-program", package: nil)) {
            try Program.find("no-such-program")
        }
    }

    @Test("a missing program at a path is named with its Debian package")
    func missingAtPath() async {
        await #expect(throws: ServerError.programMissing(program: "/opt/none/nginx", package: "nginx-light")) {
            try await Program.run("/opt/none/nginx")
        }
    }

    @Test("a program that takes too long is ended with all that it started")
    func timesOut() async throws {
        try await withTemporaryDirectory { directory in
            let script = "sleep 600 & echo $! > \(directory)/child; echo $$ > \(directory)/parent; wait"
            await #expect(throws: ServerError.programTimedOut(program: "/bin/sh", after: .seconds(1))) {
                try await Program.run("/bin/sh", ["-c", script], timeout: .seconds(1))
            }
            for name in ["child", "parent"] {
                let pid = try #require(try recordedPID("\(directory)/\(name)"))
                #expect(try await eventually { !isRunning(pid) })
            }
        }
    }

    @Test("a program that writes without end is ended at the limit")
    func limitsOutput() async {
        await #expect(throws: ServerError.outputTooLarge(program: "/usr/bin/yes", limit: 10_000)) {
            try await Program.run("/usr/bin/yes", outputLimit: 10_000)
        }
    }

    @Test("cancellation ends the program")
    func cancels() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/pid"
            let running = Task { try await Program.run("/bin/sh", ["-c", "echo $$ > \(path); exec sleep 600"]) }
            _ = try await eventually { try recordedPID(path) != nil }
            let pid = try #require(try recordedPID(path))
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
            #expect(try await eventually { !isRunning(pid) })
        }
    }
}
