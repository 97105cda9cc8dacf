import LabCore
import LabService
import LabState

/// An app as Home Assistant shows it: whether it is online, how long an answer takes, until when its certificate is
/// valid, and a button that restarts it.
struct AppDevice: Sendable {
    static let idPrefix = "lab_app_"

    let app: Resource<AppSpec>
    let name: AppName
    let host: Hostname
    /// As last observed; what is declared anew counts once it was looked at.
    let online: Condition?
    let canRestart: Bool

    /// The device's identity. Two apps cannot have the same: only hyphens become `_`, and no app's name has a `_`.
    static func id(of app: AppName) -> String { idPrefix + HomeAssistantDevice.identifier(app.text) }

    /// The entities' values. What was not observed is null.
    var state: [String: JSONValue] {
        [
            "online": online?.status == .true ? "ON" : "OFF",
            "milliseconds": online?.observation?["milliseconds"] ?? .null,
            "certificate_expires": online?.observation?["certificateExpires"] ?? .null,
            "can_restart": .boolean(canRestart),
        ]
    }

    var homeAssistantDevice: HomeAssistantDevice {
        get throws {
            HomeAssistantDevice(
                id: Self.id(of: name), name: app.spec.title?.text ?? name.text, model: "App", url: "https://\(host)",
                stateTopic: try AppTopics.state(of: name), state: state,
                entities: [
                    .online(), .responseTime(), .certificateExpiry(), .restart(try AppTopics.restart(of: name)),
                ])
        }
    }
}
