import Foundation
import LabCore
import LabServers
import LabTesting
import Testing

/// What `lab setup files` makes before the platform in containers starts, without the containers.
@Suite(
    "The setup of the platform in containers",
    .enabled(if: geteuid() == 0, "it gives files to other users, which root alone may"))
struct PlatformSetupTests {
    private static func setup(_ root: String, _ settings: [String: String]) async throws -> ProgramResult {
        try await Program.run(
            LabUnderTest.program, ["setup", "files", "--root", root], environment: settings, timeout: .seconds(60))
    }

    @Test("everybody may read where the platform is, and what opens it only its owner")
    func files() async throws {
        try await withTemporaryDirectory { root in
            let result = try await Self.setup(root, ["LAB_DOMAIN": "house.example", "LAB_BIND": "192.168.1.2"])
            #expect(result.status.isSuccess, "\(result.standardError)")
            let address = try String(contentsOfFile: root + "/host/platform.json", encoding: .utf8)
            #expect(address.contains(#""bind":"192.168.1.2""#) && address.contains("house.example"), "\(address)")
            for (file, mode) in [("platform.json", 0o644), ("admin.token", 0o600), ("mqtt.password", 0o600)] {
                var status = stat()
                #expect(stat("\(root)/host/\(file)", &status) == 0 && Int(status.st_mode) & 0o777 == mode, "\(file)")
            }
            let secret = try String(contentsOfFile: root + "/secrets/database/owner", encoding: .utf8)
            #expect(try await Self.setup(root, ["LAB_DOMAIN": "house.example"]).status.isSuccess)
            #expect(try String(contentsOfFile: root + "/secrets/database/owner", encoding: .utf8) == secret)
        }
    }

    @Test("another domain is refused for as long as there is an authority, with what to do")
    func domain() async throws {
        try await withTemporaryDirectory { root in
            #expect(try await Self.setup(root, ["LAB_DOMAIN": "one.example"]).status.isSuccess)
            let other = try await Self.setup(root, ["LAB_DOMAIN": "two.example"])
            #expect(!other.status.isSuccess)
            #expect(other.standardError.contains("Set LAB_DOMAIN=one.example again"), "\(other.standardError)")
            // `docker compose down --volumes`
            try FileManager.default.removeItem(atPath: root + "/secrets")
            #expect(try await Self.setup(root, ["LAB_DOMAIN": "two.example"]).status.isSuccess)
        }
    }

    @Test(
        "what is no address of a resolver does not reach Unbound's configuration",
        arguments: ["dns.google", "9.9.9.9\n    include: /etc/shadow", "9.9.9.9;x"])
    func upstream(_ value: String) async throws {
        try await withTemporaryDirectory { root in
            let result = try await Self.setup(root, ["LAB_DOMAIN": "house.example", "LAB_DNS_UPSTREAM": value])
            #expect(!result.status.isSuccess)
            #expect(result.standardError.contains("Give recursion, none, or addresses"), "\(result.standardError)")
            #expect(!FileManager.default.fileExists(atPath: root + "/unbound/unbound.conf"))
        }
    }
}
