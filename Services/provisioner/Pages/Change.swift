import FoundationEssentials
import LabCore
import LabState

/// An entry of the change log: what happened to what, in words.
struct Change: Sendable, Hashable {
    let at: Date
    /// What it is about: `App notes`.
    let subject: ResourceKey
    /// The event's type: `app.online`.
    let type: String
    /// A sentence's rest, after the subject: `is online at https://notes.home.arpa`. Plain text.
    let text: String
    /// Of which generation it tells, where the event says so.
    let generation: Int64?

    /// What the change log tells of: the last part of an event's type.
    static let told = ["declared", "removal_asked", "removed", "online", "offline", "rolled_back"]

    /// An entry from a recorded event; nil when the event is none that the change log tells of.
    ///
    /// - Parameter payload: its JSON text.
    init?(type: String, subject: ResourceKey, payload: String, at date: Date) {
        let payload = (try? JSONText(trusted: payload).decode(JSONValue.self)) ?? .null
        self.init(type: type, subject: subject, payload: payload, at: date)
    }

    /// The entry of an event that is about to be recorded.
    init?(_ event: NewEvent, at date: Date) {
        guard let kind = event.kind, let name = event.name else { return nil }
        self.init(type: event.type, subject: ResourceKey(kind: kind, name: name), payload: event.payload, at: date)
    }

    private init?(type: String, subject: ResourceKey, payload: JSONValue, at date: Date) {
        guard let what = type.split(separator: ".").last.map(String.init), Self.told.contains(what) else { return nil }
        at = date
        self.subject = subject
        self.type = type
        generation = payload["generation"]?.intValue
        let caller = payload["by"]?.stringValue.map { " by \($0)" } ?? ""
        switch what {
        case "declared": text = "was declared\(caller)"
        case "removal_asked": text = "was asked to be removed\(caller)"
        case "removed": text = "was removed"
        case "rolled_back":
            text = "was rolled back\(caller): " + (payload["message"]?.stringValue ?? "it did not come up")
        case "online": text = "is online" + (payload["url"]?.stringValue.map { " at \($0)" } ?? "")
        default: text = "is offline" + (payload["message"]?.stringValue.map { ": \($0)" } ?? "")
        }
    }
}
