import Foundation
import LabCore
import LabServers
import LabState
import LabTesting
import Testing

@Suite(
    "Home Assistant",
    .enabled(
        if: HomeAssistantUnderTest.tool != nil,
        "the tool that runs a real Home Assistant, ../shared/tools/home-assistant, is not beside this clone"))
struct HomeAssistantTests {
    private static let apps = ["notes", "provisioner", "dns_manager", "proxy_router"]
    private static let services = ["provisioner", "dns_manager", "proxy_router"]
    private static let notesOnline = "binary_sensor.lab_app_notes_online"
    private static let serviceOnline = "binary_sensor.lab_service_provisioner_device_online"

    /// The entities of a lab with the app `notes`.
    private static let entities = Set(
        apps.flatMap { app in
            [
                "binary_sensor.lab_app_\(app)_online", "sensor.lab_app_\(app)_milliseconds",
                "sensor.lab_app_\(app)_certificate_expires", "button.lab_app_\(app)_restart",
            ]
        }
            + services.flatMap { service in
                [
                    "binary_sensor.lab_service_\(service)_device_online",
                    "sensor.lab_service_\(service)_device_milliseconds",
                    "button.lab_service_\(service)_device_restart",
                ]
            })

    /// Buttons of apps that run natively, which the lab cannot restart.
    private static let disabled = Set(apps.map { "button.lab_app_\($0)_restart" })

    // Two tests rather than two cases of one: a case that is cancelled is told to nobody.
    @Test(
        "apps and services are devices of Home Assistant 2024.3, and outlive restarts of it, of the broker and the lab")
    func devicesOfTheOlder() async throws { try await Self.checkDevices("2024.3", discovery: "entity") }

    @Test(
        "apps and services are devices of Home Assistant 2026.2, and outlive restarts of it, of the broker and the lab")
    func devicesOfTheNewer() async throws { try await Self.checkDevices("2026.2", discovery: "device") }

    private static func checkDevices(_ flavour: String, discovery: String) async throws {
        try await HomeAssistantUnderTest.install(flavour)
        try await LabUnderTest.with(environment: ["LAB_HOME_ASSISTANT_DISCOVERY": discovery]) { lab in
            let assistant = try await HomeAssistantUnderTest(flavour, on: lab)
            try await TestUpstream.with("notes") { upstream in
                try await assistant.run {
                    let deployed = try await lab.deploy("notes", upstream: upstream, more: ["--title", "My notes"])
                    try #require(deployed.status.isSuccess, "\(deployed.standardError)")
                    try await checkEntities(assistant)
                    try await pressRestart(of: "dns_manager", lab, assistant)
                    #expect(try await assistant.problems() == "")
                }
                try await assistant.run(again: true) {
                    try await Task.sleep(for: .seconds(10))
                    #expect(try await unavailable(assistant) == disabled)
                    #expect(try await assistant.problems() == "")
                    try await wipeBroker(lab, assistant)
                    try await killLab(lab, assistant)

                    let removed = try await lab.run(["remove", "notes", "--yes"])
                    #expect(removed.status.isSuccess, "\(removed.standardError)")
                    #expect(
                        try await eventually { try await !assistant.devices().keys.contains("lab_app_notes") })
                    let rest = try await assistant.states().keys.filter { $0.contains("notes") }
                    #expect(rest.isEmpty)
                }
            }
        }
    }

    private static func unavailable(_ assistant: HomeAssistantUnderTest) async throws -> Set<String> {
        Set(try await assistant.states().filter { $0.value == "unavailable" || $0.value == nil }.keys)
    }

    private static func checkEntities(_ assistant: HomeAssistantUnderTest) async throws {
        #expect(try await eventually { try await assistant.state(of: notesOnline) == "on" })
        #expect(try await eventually { try await unavailable(assistant) == disabled })
        let states = try await assistant.states()
        #expect(Set(states.keys) == entities)
        let milliseconds = states["sensor.lab_app_notes_milliseconds"] ?? nil
        #expect(Double(milliseconds ?? "") ?? -1 >= 0, "\(milliseconds ?? "no state")")
        let expiry = (states["sensor.lab_app_notes_certificate_expires"] ?? nil).flatMap { Date(rfc3339: $0) }
        #expect(expiry ?? .distantPast > Date())
        #expect(try await eventually { try await assistant.state(of: serviceOnline) == "on" })
        #expect(try await assistant.devices()["lab_app_notes"] == "https://notes.home.arpa")
    }

    /// Presses a service's button; the service tells so.
    private static func pressRestart(
        of service: String, _ lab: LabUnderTest, _ assistant: HomeAssistantUnderTest
    ) async throws {
        let pressed = try await assistant.ask("press", "button.lab_service_\(service)_device_restart")
        #expect(pressed.status.isSuccess, "\(pressed.standardError)")
        let postgres = try await lab.info().postgres
        #expect(
            try await eventually {
                let told = try await Program.run(
                    "psql",
                    [postgres, "-Atc", "select payload ->> 'service' from lab.event where type = 'service.restarted'"])
                return told.standardOutput == service.replacing("_", with: "-") + "\n"
            })
    }

    /// Kills the broker and takes everything from it that it had retained.
    private static func wipeBroker(_ lab: LabUnderTest, _ assistant: HomeAssistantUnderTest) async throws {
        let before = try await lab.info()
        // A broker that has not saved yet has no such file, and loses everything by the kill alone.
        try? FileManager.default.removeItem(atPath: before.stateDir + "/mosquitto/data/mosquitto.db")
        kill(try #require(before.pids.mosquitto), SIGKILL)
        #expect(
            try await eventually {
                let present = try await lab.info().pids.mosquitto
                return present != nil && present != before.pids.mosquitto
            })
        #expect(try await eventually { try await unavailable(assistant) == disabled })
        #expect(
            try await eventually {
                try await lab.retained("lab/v1/apps/notes/state")?.contains("\"online\":\"ON\"") == true
            })
    }

    /// Kills the lab: by its last will everything is unavailable, until it is back.
    private static func killLab(_ lab: LabUnderTest, _ assistant: HomeAssistantUnderTest) async throws {
        let before = try await lab.info()
        kill(before.pids.lab, SIGKILL)
        #expect(try await eventually { try await unavailable(assistant) == entities })
        let availability = "lab/v1/services/provisioner/availability"
        #expect(try await lab.retained(availability, before) == "offline")
        try await lab.up()
        #expect(try await eventually { try await lab.retained(availability) == "online" })
        #expect(try await eventually { try await unavailable(assistant) == disabled })
        #expect(try await eventually { try await assistant.state(of: notesOnline) == "on" })
    }
}

extension LabUnderTest {
    /// What the broker has retained at a topic.
    func retained(_ topic: String, _ info: Info? = nil) async throws -> String? {
        let info = if let info { info } else { try await self.info() }
        let result = try await Program.run(
            "mosquitto_sub",
            [
                "-h", "127.0.0.1", "-p", info.mqttPort, "-u", info.mqttUser, "-P", info.mqttPassword, "-t", topic,
                "--retained-only", "-C", "1", "-W", "2", "-N",
            ])
        return result.status.isSuccess ? result.standardOutput : nil
    }
}
