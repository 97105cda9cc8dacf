import FoundationEssentials
import LabCore
import LabState

/// What was run of an app at a time: the rendered Compose file with its images by content. It never changes but for how
/// it stands, so that going back to it brings back what worked.
struct Release: Sendable {
    enum Status: String, Sendable, Codable {
        /// Its containers are being started.
        case starting
        /// It is what runs.
        case live
        /// It ran, until another took its place.
        case replaced
        /// It did not come up; the one before runs on.
        case failed
    }

    /// An image as it was named, and what the name meant then.
    struct Image: Sendable, Codable, Hashable {
        let reference: String
        let id: String
    }

    let app: AppName
    let number: Int
    let sourceHash: String
    /// What was declared: the Compose file and what lay beside it.
    let compose: String
    let files: [String: String]
    /// What is run: the rendered file, with images by content.
    let document: JSONText
    let images: [String: Image]
    /// The service that people reach, and how the proxy speaks to it; empty where they reach none, and then the port
    /// means nothing.
    let service: String
    let scheme: String
    var port: Int
    let status: Status
    /// Why it did not come up.
    let reason: String
    let log: String
    /// The release that it brought back, where somebody went back to one.
    let copyOf: Int?
    /// Who made it, and why; empty where nobody said so.
    let actor: String
    let message: String
    let createdAt: Date
}
