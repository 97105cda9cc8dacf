import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

/// The real Home Assistant, run by a tool that lies beside the repository where it is developed.
enum HomeAssistantTool {
    static let path: String? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let tool = root.deletingLastPathComponent().appending(path: "shared/tools/home-assistant").path
        return FileManager.default.isExecutableFile(atPath: tool) ? tool : nil
    }()

    /// Kept between runs, since an installation takes minutes.
    static var cache: String {
        (ProcessInfo.processInfo.environment["HOME"] ?? "/tmp") + "/.cache/lab-home-assistant"
    }
}

@Suite(
    "Home Assistant", .serialized,
    .enabled(if: HomeAssistantTool.path != nil, "the tool that runs a real Home Assistant is not beside this clone"))
struct HomeAssistantTests {
    /// Runs a lab and a Home Assistant on its broker.
    private static func with(
        _ flavour: String, discovery: String,
        _ body:
            @escaping @Sendable (LabUnderTest, _ tool: @escaping @Sendable ([String]) async throws -> ProgramResult)
            async throws
            -> Void
    ) async throws {
        let path = try #require(HomeAssistantTool.path)
        let installed = try await Program.run(
            path, ["install", "--cache", HomeAssistantTool.cache, "--flavour", flavour], timeout: .seconds(900))
        try #require(installed.status.isSuccess, "\(installed.standardError)")
        try await LabUnderTest.with(environment: ["LAB_HOME_ASSISTANT_DISCOVERY": discovery]) { lab in
            let info = try await lab.info()
            let configuration = lab.directory + "-home-assistant"
            let port = LoopbackPort.free()
            let tool: @Sendable ([String]) async throws -> ProgramResult = { arguments in
                try await Program.run(
                    path, [arguments[0], "--config", configuration] + arguments.dropFirst(), timeout: .seconds(200),
                    outputLimit: 8 << 20)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try await Program.run(
                        path,
                        [
                            "start", "--cache", HomeAssistantTool.cache, "--config", configuration, "--flavour",
                            flavour,
                            "--mqtt", info.mqtt, "--mqtt-user", info.mqttUser, "--mqtt-password", info.mqttPassword,
                            "--port", String(port),
                        ], timeout: .seconds(600), outputLimit: 8 << 20)
                }
                group.addTask {
                    // The tool writes its file when it has begun; asking sooner fails at once.
                    _ = try await eventually(within: .seconds(120)) {
                        FileManager.default.fileExists(atPath: configuration + "/harness.json")
                    }
                    let waited = try await tool(["wait", "--timeout", "180"])
                    try #require(waited.status.isSuccess, "\(waited.standardError)")
                    try await body(lab, tool)
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    /// The state of an entity, or nil when Home Assistant has none.
    private static func state(
        _ entity: String, _ tool: @Sendable ([String]) async throws -> ProgramResult
    ) async throws -> String? {
        let answer = try await tool(["rest", "GET", "/api/states/\(entity)"])
        guard answer.status.isSuccess else { return nil }
        return try? JSONText(trusted: answer.standardOutput).decode(JSONValue.self)["state"]?.stringValue
    }

    @Test(
        "an app is a device with its four entities, in both forms of discovery, and goes with the app",
        arguments: [("2024.3", "entity"), ("2026.2", "device")])
    func device(flavour: String, discovery: String) async throws {
        try await Self.with(flavour, discovery: discovery) { lab, tool in
            try await TestUpstream.with("notes") { upstream in
                let deployed = try await lab.deploy("notes", upstream: upstream)
                try #require(deployed.status.isSuccess, "\(deployed.standardError)")
                #expect(
                    try await eventually { try await Self.state("binary_sensor.lab_app_notes_online", tool) == "on" })
                let milliseconds = try await Self.state("sensor.lab_app_notes_milliseconds", tool)
                #expect(Double(milliseconds ?? "") ?? -1 >= 0)
                let expiry = try await Self.state("sensor.lab_app_notes_certificate_expires", tool)
                #expect(expiry?.hasPrefix("20") == true, "\(expiry ?? "no state")")
                #expect(try await Self.state("button.lab_app_notes_restart", tool) != nil)
                #expect(
                    try await eventually {
                        try await Self.state("binary_sensor.lab_service_provisioner_device_online", tool) == "on"
                    })

                _ = try await lab.run(["remove", "notes", "--yes"])
                #expect(
                    try await eventually { try await Self.state("binary_sensor.lab_app_notes_online", tool) == nil })
            }
            let problems = try await tool(["problems"])
            #expect(problems.status.isSuccess, "\(problems.standardOutput)")
        }
    }
}
