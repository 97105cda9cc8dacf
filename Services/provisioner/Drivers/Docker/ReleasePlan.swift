import LabCore
import LabState

/// What running a Compose file would change about what runs.
struct ReleasePlan: Sendable {
    struct Step: Sendable, Codable, Hashable {
        enum Action: String, Sendable, Codable, CaseIterable {
            case create
            case change
            case remove
        }

        let action: Action
        /// `image`, `container`, `volume`, `network`, `route`, `record` or `certificate`.
        let kind: String
        let name: String
        /// What is different, for people.
        let detail: String

        init(_ action: Action, _ kind: String, _ name: String, _ detail: String = "") {
            self.action = action
            self.kind = kind
            self.name = name
            self.detail = detail
        }
    }

    private(set) var steps: [Step] = []

    /// - Parameters:
    ///   - document: what would be run, with the images of the engine; those that it has not are named as they are.
    ///   - live: what runs; nil when nothing does.
    init(_ document: JSONValue, instead live: JSONValue?) {
        let (new, old) = (Self.members("services", document), Self.members("services", live))
        for (name, service) in new.sorted(by: { $0.key < $1.key }) {
            let image = service["labels"]?["lab.image"]?.stringValue ?? service["image"]?.stringValue ?? "?"
            guard let before = old[name] else {
                steps.append(Step(.create, "container", name, "of the image \(image)"))
                continue
            }
            let (after, former) = (service.objectValue ?? [:], before.objectValue ?? [:])
            let keys = Set(after.keys).union(former.keys).filter { after[$0] != former[$0] }.sorted()
            guard !keys.isEmpty else { continue }
            if keys.contains("image") {
                steps.append(Step(.change, "image", name, "\(image) means another one than it did, or is another name"))
            }
            steps.append(Step(.change, "container", name, keys.joined(separator: ", ")))
        }
        for name in old.keys.sorted() where new[name] == nil { steps.append(Step(.remove, "container", name)) }
        for kind in ["volumes", "networks"] {
            let (after, before) = (Self.members(kind, document), Self.members(kind, live))
            let word = String(kind.dropLast())
            for name in after.keys.sorted() where before[name] == nil { steps.append(Step(.create, word, name)) }
            for name in before.keys.sorted() where after[name] == nil {
                // Compose takes networks away with their containers, and never a volume.
                let detail = kind == "volumes" ? "it stays, and no container uses it" : ""
                steps.append(Step(kind == "volumes" ? .change : .remove, word, name, detail))
            }
        }
    }

    private static func members(_ key: String, _ document: JSONValue?) -> [String: JSONValue] {
        document?[key]?.objectValue ?? [:]
    }
}
