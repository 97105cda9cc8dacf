/// The events of this service, told on MQTT as `lab/v1/events/<type>`, at least once, not retained.
///
/// Payload of both: `host`, `reason` and `message` of the condition `Online`.
enum Topics {
    /// A route answers, and did not before.
    static let routeOnline = "route.online"
    /// A route does not answer any more.
    static let routeOffline = "route.offline"
}
