import LabCore
import LabMQTT
import LabService
import LabState

/// Announces each app to Home Assistant, and restarts the one whose button is pressed.
struct AppAnnouncer: Sendable {
    private let names: LabNames
    private let runtimes: Runtimes
    private let lab: LabContext
    private let bridge: HomeAssistantBridge

    /// - Throws: `SettingError` for `LAB_HOME_ASSISTANT_…`.
    init(names: LabNames, runtimes: Runtimes, lab: LabContext) throws {
        self.names = names
        self.runtimes = runtimes
        self.lab = lab
        bridge = HomeAssistantBridge(
            mqtt: lab.mqtt, wakeUps: lab.wakeUps, options: try HomeAssistantOptions(lab.settings),
            idPrefix: AppDevice.idPrefix, availability: try ServiceAvailability.topic(of: ProvisionerService.name),
            logger: lab.logger)
    }

    /// Runs until the task is cancelled.
    func run() async throws {
        try await bridge.run(
            commands: try AppTopics.restarts,
            devices: { try await devices().map { try $0.homeAssistantDevice } },
            pressed: { topic in
                let name = ResourceName(try AppTopics.app(restartedBy: topic))
                guard let app = try await lab.store.resource(App.self, name) else {
                    throw Problem.notFound("App \(name)", remedy: "Its button goes away by itself")
                }
                try await runtimes.restart(app, by: "Home Assistant", lab)
            })
    }

    /// The declared apps. One that is being removed is not among them, and neither is one whose name or host cannot be
    /// used, which says so in its conditions.
    func devices() async throws -> [AppDevice] {
        let apps = try await lab.store.resources(App.self).readable
        let conditions = try await lab.store.conditions(kind: App.name)
        return apps.compactMap { app in
            guard !app.isDeleted, let name = try? AppName(app.name.text),
                let host = try? app.spec.host(of: name, in: names)
            else { return nil }
            return AppDevice(
                app: app, name: name, host: host,
                online: conditions[app.key]?.first { $0.condition.type == "Online" }?.condition,
                canRestart: runtimes[app.spec.effectiveRuntime].capabilities.contains(.restart))
        }
    }
}
