public import LabService

extension ProvisionerService {
    public static let topics = [
        ServiceTopic(
            "lab/v1/apps/+/state", .publishes, isRetained: true,
            "`online` (ON or OFF), `milliseconds`, `certificate_expires`, `can_restart`; gone with the app."),
        ServiceTopic("lab/v1/apps/+/restart", .takes, "`PRESS` restarts the app, where its runtime can."),
    ]

    /// The events that it records, which the relay publishes at `lab/v1/events/<type>`.
    public static let eventTypes: [(type: String, summary: String)] = [
        ("app.declared", "A person or the platform declared an app, or changed it: {by}."),
        ("app.online", "It is reached by name over HTTPS: {title, host, url, upstream, generation, reason, message}."),
        ("app.offline", "It was online and is not any more; the same fields."),
        ("app.restarted", "A person restarted it: {by}."),
        ("app.rolled_back", "A release of it did not come up, and the lab took it back: {by, release, message}."),
        ("app.removal_asked", "A person or the platform asked for its removal: {by}."),
        ("app.removed", "It is gone, with its route, name and page: {title}."),
    ]
}
