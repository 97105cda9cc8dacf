import Foundation
import LabCore
import LabServers
import LabService
import LabState
import Testing

@testable import Provisioner

@Suite("The catalog of apps")
struct CatalogTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../compose").standardizedFileURL.path
    private static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    private static let categories = [
        "Storage", "Media", "Home", "AI", "Business", "Network", "Dashboards", "Watch",
    ]
    private static let hasCompose = (try? Program.find("docker")) != nil

    @Test("each folder is an app that can be listed, with a title, a group, a sentence and notes")
    func entries() async throws {
        let entries = await Catalog(LabSettings(["LAB_CATALOG_DIR": Self.folder])).entries()
        #expect(entries.map(\.name.text) == Self.names)
        #expect(entries.count >= 40)
        for entry in entries {
            #expect(entry.block.title != nil && entry.block.summary != nil && entry.block.notes != nil, "\(entry.name)")
            #expect(Self.categories.contains(entry.block.category ?? ""), "\(entry.name)")
            // What is not said would be guessed, and a ready app leaves nothing to guess.
            #expect(!entry.block.isExposed || entry.block.expose.port != nil, "\(entry.name)")
            #expect(entry.block.backup != nil, "\(entry.name)")
        }
    }

    @Test("an app that is not there is told with the nearest one")
    func nearest() async throws {
        let catalog = Catalog(LabSettings(["LAB_CATALOG_DIR": Self.folder]))
        let problem = await #expect(throws: Problem.self) {
            try await catalog.entry(of: try AppName("jelyfin"))
        }
        #expect(problem?.remedy == "Did you mean “jellyfin”?")
    }

    @Test(
        "the real docker compose config takes each, and what it makes of it keeps the catalog's rules",
        .enabled(if: hasCompose, "docker compose is not installed"), arguments: names)
    func renders(_ name: String) async throws {
        let file = "\(Self.folder)/\(name)/compose.yaml"
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let secrets = ComposeCheck.secrets(in: text)
        let result = try await Program.run(
            "docker", ["compose", "--file", file, "config", "--format", "json"],
            environment: Dictionary(uniqueKeysWithValues: secrets.map { ($0, "secret-\($0)") }),
            directory: "\(Self.folder)/\(name)", timeout: .seconds(60), outputLimit: 8 << 20)
        try #require(result.status.isSuccess, "\(result.standardError)")
        // Every variable has a default or is a secret.
        #expect(!result.standardError.contains("variable is not set"), "\(result.standardError)")
        for secret in secrets {
            #expect(result.standardOutput.contains("secret-\(secret)"), "\(secret) is used nowhere")
        }

        let project = try ComposeProject(try JSONText(trusted: result.standardOutput).decode(JSONValue.self))
        #expect(project.refusals(in: "\(Self.folder)/\(name)").isEmpty)
        let exposure = try project.exposure()
        #expect(exposure == nil || project.services.contains { $0.name == exposure?.service })
        for service in project.services {
            let fields = try #require(project.document["services"]?[service.name])
            let image = try #require(service.image, "\(service.name) has no image")
            let tag = ImageReference(image).tag
            #expect(tag != "latest" && tag.contains(where: \.isNumber), "\(image) is not pinned")
            // One that does something once, before the others start, ends.
            let endsByItself = fields["restart"]?.stringValue == "no"
            #expect(service.hasHealthCheck || endsByItself, "\(service.name) has no health check")
            #expect(fields["deploy"]?["resources"]?["limits"]?["memory"] != nil, "\(service.name) has no limit")
            #expect(fields["container_name"] == nil, "\(service.name) has a name that only one can have")
            #expect(
                endsByItself || fields["restart"]?.stringValue == "unless-stopped",
                "\(service.name) is not started again")
            if service.name == exposure?.service {
                // Televisions do not know the lab's authority and come directly.
                #expect(
                    name == "plex" || !service.ports.contains { $0.target == exposure?.port && $0.published != nil },
                    "\(service.name) publishes its page, which the proxy does")
            }
        }
    }
}
