import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

/// Loopback has more addresses than 127.0.0.1: two of them are a machine with two networks.
@Suite("The addresses that a lab listens on", .serialized)
struct ListenTests {
    private static let address = "127.0.0.2"

    @Test(
        "proxy, resolver and broker answer on the address that was asked for, and names lead to it",
        arguments: ["0.0.0.0", "127.0.0.2"])
    func further(listen: String) async throws {
        try await LabUnderTest.with { lab in
            // The same directory with other addresses: a lab can be moved to them.
            try await lab.down()
            let up = try await lab.run(
                ["up", "--detach", "--json", "--listen", listen, "--address", Self.address], timeout: .seconds(240))
            try #require(up.status.isSuccess, "\(up.standardError)")
            let info = try await lab.info()
            #expect(info.https == "https://\(Self.address):\(info.httpsPort)")

            let host = "provisioner.home.arpa"
            #expect(
                try await eventually {
                    try await Program.run(
                        "dig", ["@\(Self.address)", "-p", info.dnsPort, "+short", "+tries=1", "+time=2", host]
                    ).standardOutput == Self.address + "\n"
                })
            #expect(try await eventually { try await lab.fetch(host, path: "/healthz").standardOutput == "ok\n" })
            let published = try await Program.run(
                "mosquitto_pub",
                [
                    "-h", Self.address, "-p", info.mqttPort, "-u", info.mqttUser, "-P", info.mqttPassword, "-q", "1",
                    "-t", "lab/v1/services/provisioner/restart", "-m", "PRESS",
                ])
            #expect(published.status.isSuccess, "\(published.standardError)")
        }
    }

    @Test("a lab that listens on loopback alone does not answer elsewhere")
    func loopbackAlone() async throws {
        try await LabUnderTest.with { lab in
            let info = try await lab.info()
            for port in [info.httpsPort, info.mqttPort, info.dnsPort] {
                let answer = try await Program.run(
                    "curl", ["--max-time", "5", "-s", "telnet://\(Self.address):\(port)"])
                #expect(answer.status == .exited(7), "port \(port)")
            }
        }
    }
}
