import FoundationEssentials
import LabCore
import LabMQTT
import LabService
import LabState
import LabTesting
import Testing

@testable import Provisioner

@Suite("Apps as devices")
struct AppDeviceTests {
    private func device(_ name: String, online: Condition?, canRestart: Bool = false) throws -> AppDevice {
        let spec = AppSpec(upstream: try UpstreamURL("http://192.168.1.20:8096"), title: try AppTitle("My notes"))
        let app = Resource(
            key: App.key(try ResourceName(name)), id: UUIDv7(), owner: nil, spec: spec, generation: 1, createdAt: .now,
            updatedAt: .now, deletedAt: nil)
        return AppDevice(
            app: app, name: try AppName(name), host: try Hostname("\(name).home.arpa"), online: online,
            canRestart: canRestart)
    }

    @Test("the state tells what was observed")
    func observed() throws {
        let online = Condition.met(
            "Online", reason: "Answered", message: "…",
            observation: ["milliseconds": 12.5, "status": 200, "certificateExpires": "2026-12-31T10:20:30.000Z"])
        #expect(
            try device("notes", online: online).state == [
                "online": "ON", "milliseconds": 12.5, "certificate_expires": "2026-12-31T10:20:30.000Z",
                "can_restart": false,
            ])
    }

    @Test("what was not observed is null, and an app that was not looked at is not online")
    func unobserved() throws {
        let offline = Condition.unmet("Online", reason: "NotServed", message: "…")
        for condition in [offline, nil, .unknown("Online", reason: "NotObservedYet", message: "…")] {
            #expect(
                try device("notes", online: condition, canRestart: true).state == [
                    "online": "OFF", "milliseconds": nil, "certificate_expires": nil, "can_restart": true,
                ])
        }
    }

    @Test("the device has the app's title and page, four entities, and a key in the state for each that shows one")
    func entities() throws {
        let device = try device("my-notes", online: nil).homeAssistantDevice
        #expect(device.id == "lab_app_my_notes")
        #expect(device.name == "My notes")
        #expect(device.url == "https://my-notes.home.arpa")
        #expect(device.stateTopic.text == "lab/v1/apps/my-notes/state")
        #expect(device.entities.map(\.key) == ["online", "milliseconds", "certificate_expires", "restart"])
        for entity in device.entities where entity.commandTopic == nil { #expect(device.state[entity.key] != nil) }
        let command = try #require(device.entities.last?.commandTopic)
        #expect(try AppTopics.restarts.matches(command))
        #expect(try AppTopics.app(restartedBy: command).text == "my-notes")
    }

    @Test("the numbers behind the route's condition are behind the app's")
    func copiedNumbers() async throws {
        let upstream = try await TestUpstream.start()
        try await AppFixture.with { lab in
            try await lab.declare("notes", upstream.url)
            #expect(
                try await eventually {
                    try await lab.condition("notes", "Online")?.observation == ["milliseconds": 12.5]
                })
        }
        try await upstream.stop()
    }

    @Test("no two names of apps give one device: a name that would differ in _ alone is none")
    func identities() throws {
        #expect(throws: InvalidText.self) { try AppName("a_b") }
        let names = try ["a-b", "ab", "a--b", "a-b-c", "ab-c"].map { try AppName($0) }
        #expect(Set(names.map(AppDevice.id)).count == names.count)
    }

    @Test("an app's topics are declared, so that the broker lets the service use them")
    func declaredTopics() throws {
        let rules = BrokerAccess.rules(for: [ProvisionerService.self], person: "person").split(separator: "\n")
        #expect(rules.contains("topic write lab/v1/apps/+/state"))
        #expect(rules.contains("topic read lab/v1/apps/+/restart"))
    }
}
