import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Synchronization
import Testing

/// A real Home Assistant on a lab's broker, run by a tool that lies beside the repository where it is developed.
final class HomeAssistantUnderTest: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The tool; nil where it is not beside this clone.
    static let tool: String? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let tool = root.deletingLastPathComponent().appending(path: "shared/tools/home-assistant").path
        return FileManager.default.isExecutableFile(atPath: tool) ? tool : nil
    }()

    /// Kept between runs, since an installation takes minutes.
    private static var cache: String {
        (ProcessInfo.processInfo.environment["HOME"] ?? "/tmp") + "/.cache/lab-home-assistant"
    }

    private let tool: String
    private let flavour: String
    private let configuration: String
    private let port = LoopbackPort.free()
    private let broker: [String]
    private let isStopping = Atomic(false)

    init(_ flavour: String, on lab: LabUnderTest) async throws {
        tool = try #require(Self.tool)
        self.flavour = flavour
        configuration = lab.directory + "-home-assistant"
        let info = try await lab.info()
        broker = ["--mqtt", info.mqtt, "--mqtt-user", info.mqttUser, "--mqtt-password", info.mqttPassword]
    }

    /// Installs a release where that was not done yet, which takes one to three minutes; cancels the test, in the
    /// tool's words, where it cannot run here, and where downloads are so slow that nobody would wait for them.
    static func install(_ flavour: String) async throws {
        let limit = Duration.seconds(300)
        let result: ProgramResult
        do {
            result = try await Program.run(
                try #require(tool), ["install", "--cache", cache, "--flavour", flavour], timeout: limit)
        } catch ServerError.programTimedOut {
            try Test.cancel("Home Assistant \(flavour) could not be installed within \(limit)")
        }
        if result.status == .exited(2) { try Test.cancel("\(result.standardError)") }
        try #require(result.status.isSuccess, "\(result.standardError)")
    }

    /// Starts it, waits until it runs, and stops it after `body`, so that it saves what it knows.
    ///
    /// - Parameter again: whether it keeps the registries of its former run.
    func run(again: Bool = false, _ body: @escaping @Sendable () async throws -> Void) async throws {
        isStopping.store(false, ordering: .relaxed)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                let ended = try await Program.run(
                    tool,
                    [
                        "start", "--cache", Self.cache, "--config", configuration, "--flavour", flavour,
                        "--port", String(port),
                    ] + broker + (again ? ["--keep"] : []), timeout: .seconds(600), outputLimit: 8 << 20)
                guard isStopping.load(ordering: .relaxed) else {
                    throw Failure(description: "Home Assistant ended by itself: \(ended.standardError)")
                }
            }
            group.addTask { [self] in
                try #require(
                    try await eventually(within: .seconds(180)) {
                        try await self.ask("wait", "--timeout", "10").status.isSuccess
                    }, "Home Assistant does not start")
                try await body()
                isStopping.store(true, ordering: .relaxed)
                _ = try await ask("call", "homeassistant.stop")
            }
            // Whoever fails first ends the other, which `waitForAll` would wait for.
            defer { group.cancelAll() }
            while try await group.next() != nil {}
        }
    }

    /// Runs a command of the tool on this Home Assistant.
    func ask(_ command: String, _ arguments: String...) async throws -> ProgramResult {
        try await Program.run(
            tool, [command, "--config", configuration] + arguments, timeout: .seconds(120), outputLimit: 8 << 20)
    }

    /// The states of the entities that came over MQTT, by their ids; an entity that Home Assistant has refused has none.
    func states() async throws -> [String: String?] {
        let answer = try await ask("states")
        guard answer.status.isSuccess else { return [:] }
        let entities = try JSONText(trusted: answer.standardOutput).decode(JSONValue.self)["entities"]?.arrayValue ?? []
        return Dictionary(
            entities.compactMap { entity in
                entity["entity_id"]?.stringValue.map { ($0, entity["state"]?.stringValue) }
            }, uniquingKeysWith: { first, _ in first })
    }

    func state(of entity: String) async throws -> String? { try await states()[entity] ?? nil }

    /// The ids of the devices that came over MQTT, with the addresses of their pages.
    func devices() async throws -> [String: String?] {
        let answer = try await ask("states")
        let devices = try JSONText(trusted: answer.standardOutput).decode(JSONValue.self)["devices"]?.arrayValue ?? []
        return Dictionary(
            devices.compactMap { device in
                device["identifiers"]?.arrayValue?.first?.arrayValue?.last?.stringValue.map {
                    ($0, device["configuration_url"]?.stringValue)
                }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// What it has logged about MQTT at the levels warning and error.
    func problems() async throws -> String {
        let answer = try await ask("problems")
        return answer.status.isSuccess ? "" : answer.standardOutput + answer.standardError
    }
}
