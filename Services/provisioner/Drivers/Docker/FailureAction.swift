import LabCore
import LabService
import LabState

/// What is done about a release that does not come up: `deploy.update_config.failure_action` of a Compose file, which
/// Compose itself ignores (https://docs.docker.com/reference/compose-file/deploy/#update_config).
///
/// Swarm takes `pause` where nothing is written; the lab goes back by itself then, and the other two are left to those
/// who write them.
enum FailureAction: String, Sendable, CaseIterable {
    // The most careful one first.

    /// The release before is started again.
    case rollback
    /// What was started is left standing.
    case pause
    /// The same: there is no further task of a service that could go on.
    case `continue`

    /// What a rendered file says: of several services that differ, the most careful one.
    init(of document: JSONValue) {
        let words = Set(Self.words(in: document).map(\.word))
        self = Self.allCases.first { words.contains($0.rawValue) } ?? .rollback
    }

    /// - Throws: a problem at `/body/compose` for each word that is none.
    static func check(_ document: JSONValue) throws {
        let known = allCases.map(\.rawValue)
        let fields = words(in: document).filter { !known.contains($0.word) }.map { service, word in
            let near = SpellingDistance.nearest(to: word, among: known).map { "Did you mean “\($0)”?" }
            return Problem.Field(
                "/body/compose", "the service “\(service)” has the failure_action “\(word)”, which does not exist",
                remedy: near ?? "Give one of \(known.joined(separator: ", "))")
        }
        guard fields.isEmpty else { throw Problem.invalid(fields) }
    }

    private static func words(in document: JSONValue) -> [(service: String, word: String)] {
        (document["services"]?.objectValue ?? [:]).sorted { $0.key < $1.key }.compactMap { service, fields in
            let word = fields["deploy"]?["update_config"]?["failure_action"]?.stringValue
            return word.flatMap { $0.isEmpty ? nil : (service, $0) }
        }
    }
}

extension Release {
    /// What is done when it does not come up.
    var failureAction: FailureAction { FailureAction(of: (try? document.decode(JSONValue.self)) ?? .null) }

    /// Whether it did not come up, and what was started of it was left as it was.
    var isLeftStanding: Bool { status == .failed && failureAction != .rollback }
}
