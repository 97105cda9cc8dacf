import Foundation
import LabCore
import LabServers
import LabState
import Testing

@Suite(
    "compose.yaml of the platform",
    .enabled(if: (try? Program.find("docker")) != nil, "docker compose is not installed"))
struct ComposeFileTests {
    private static func rendered(profile: String) async throws -> JSONValue {
        let result = try await Program.run(
            "docker", ["compose", "--profile", profile, "config", "--format", "json"],
            environment: ["COMPOSE_FILE": "compose.yaml", "COMPOSE_PROFILES": profile], directory: Repository.root.path,
            timeout: .seconds(60), outputLimit: 8 << 20)
        try #require(result.status.isSuccess, "\(result.standardError)")
        #expect(!result.standardError.contains("variable is not set"), "\(result.standardError)")
        return try JSONText(trusted: result.standardOutput).decode(JSONValue.self)
    }

    @Test(
        "nothing is published but the proxy, DNS and MQTT, and one container alone sees the engine",
        arguments: ["traefik", "nginx"])
    func reach(_ profile: String) async throws {
        let services = try #require(try await Self.rendered(profile: profile)["services"]?.objectValue)
        var published: [String: Set<String>] = [:]
        for (name, service) in services {
            for port in service["ports"]?.arrayValue ?? [] {
                published[name, default: []].insert(port["published"]?.stringValue ?? "?")
                #expect(port["host_ip"] == "0.0.0.0", "\(name): the resolver cannot tell who asks it by IPv6")
            }
            let mounts = (service["volumes"]?.arrayValue ?? []).compactMap { $0["source"]?.stringValue }
            #expect(!mounts.contains { $0.hasSuffix("docker.sock") } || name == "docker-filter", "\(name)")
            #expect(service["privileged"]?.boolValue != true, "\(name)")
            #expect(service["cap_drop"] == ["ALL"], "\(name)")
            #expect(service["read_only"] == true, "\(name)")
            // Who is started again ends at once when it is told to, and what it writes has a limit.
            #expect(service["logging"]?["options"]?["max-size"] != nil, "\(name)")
        }
        let proxy = profile == "traefik" ? "traefik" : "proxy-router-nginx"
        #expect(published == [proxy: ["80", "443"], "unbound": ["53"], "mosquitto": ["1883"]])
    }

    @Test(
        "what is built here is asked of no registry, under a name that none can have", arguments: ["traefik", "nginx"])
    func images(_ profile: String) async throws {
        let services = try #require(try await Self.rendered(profile: profile)["services"]?.objectValue)
        var own: Set<String> = []
        for (name, service) in services
        where service["image"]?.stringValue?.hasPrefix("homelab.invalid/") == true {
            own.insert(name)
            #expect(service["pull_policy"]?.stringValue == "never", "\(name)")
        }
        let built = services.filter { $0.value["build"]?.objectValue != nil }
        #expect(own == Set(built.keys).union(["database", "docker-filter"]))
    }

    @Test("each service has its own secrets, and no other's")
    func secrets() async throws {
        let services = try #require(try await Self.rendered(profile: "traefik")["services"]?.objectValue)
        for (name, service) in services where name != "setup" {
            let mounts = (service["volumes"]?.arrayValue ?? []).compactMap { $0["source"]?.stringValue }
            #expect(mounts.filter { $0.hasPrefix("secrets-") }.allSatisfy { $0 == "secrets-\(name)" }, "\(name)")
            let environment = service["environment"]?.objectValue ?? [:]
            for (key, value) in environment
            where key.contains("PASSWORD") || key.contains("TOKEN") || key.contains("URL") {
                #expect(value.stringValue?.hasPrefix("/run/secrets/") == true, "\(name): \(key)")
            }
        }
    }

    @Test("Traefik is told of the entry points and of the document that the proxy router serves")
    func traefik() throws {
        let text = try String(contentsOf: Repository.root.appending(path: "proxy/traefik.yaml"), encoding: .utf8)
        for part in [
            "  web:\n    address: \":80\"", "  websecure:\n    address: \":443\"",
            "readTimeout: 0s", "endpoint: http://proxy-router:8700/v1/traefik/configuration",
            "Authorization: Bearer {{token}}",
        ] {
            #expect(text.contains(part), "\(part)")
        }
    }
}
