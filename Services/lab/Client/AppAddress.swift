import LabKit

/// Where people open an app.
enum AppAddress {
    private struct Events: Decodable {
        let items: [EventDocument]
    }

    /// The URL that the lab told when the app came online; it knows the proxy's port, also where this machine does not.
    static func url(of app: String, _ view: AppView?, _ client: LabClient) async throws -> String {
        let events: Events = try await client.get("/v1/events?limit=100&kind=App&name=\(try PathSegment(app).text)")
        let told = events.items.first { $0.type == "app.online" }?.data["url"]?.stringValue
        return told ?? "https://\(view?.spec.host?.text ?? app)"
    }
}
