import LabServers
import LabTesting
import Testing

@Suite("A private Mosquitto")
struct MosquittoServerTests {
    @Test("it hands a message from a publisher to a subscriber, and is gone afterwards")
    func delivers() async throws {
        let pid = try await withPrivateMosquitto { broker in
            async let received = Program.run(
                "mosquitto_sub", arguments(broker) + ["-t", "lab/test", "-C", "1", "-W", "30"])
            // Retained, so it does not matter which of the two connects first.
            try await Program.run(
                "mosquitto_pub", arguments(broker) + ["-t", "lab/test", "-m", "hello", "-r", "-q", "1"]
            )
            .orThrow()
            #expect(try await received.standardOutput == "hello\n")
            return try #require(await broker.pid)
        }
        #expect(!processExists(pid))
    }

    @Test("a client without an account is refused")
    func refusesAnonymous() async throws {
        try await withPrivateMosquitto { broker in
            let result = try await Program.run(
                "mosquitto_pub", ["-h", "127.0.0.1", "-p", "\(broker.port)", "-t", "lab/test", "-m", "hello"])
            #expect(!result.status.isSuccess)
        }
    }

    @Test("it comes back after kill -9")
    func survivesKill() async throws {
        try await withPrivateMosquitto { broker in
            try await broker.killAndWaitUntilReady()
            try await Program.run("mosquitto_pub", arguments(broker) + ["-t", "lab/test", "-m", "hello", "-q", "1"])
                .orThrow()
        }
    }

    private func arguments(_ broker: PrivateMosquitto) -> [String] {
        ["-h", "127.0.0.1", "-p", "\(broker.port)", "-u", broker.user, "-P", broker.password]
    }
}
