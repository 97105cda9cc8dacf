import LabCore
import LabState

/// The conditions of a record, in sentences.
enum RecordConditions {
    static let targetMissing = "TargetMissing"

    /// Whether the resolver holds what is declared, now and after a restart.
    static func programmed(
        _ resource: Resource<RecordSpec>, _ table: RecordTable, _ report: PublishReport
    ) -> Condition {
        let type = "Programmed"
        if let refusal = table.refusal(of: resource.name) {
            return .unmet(type, reason: refusal.reason.rawValue, message: "\(refusal.detail). \(refusal.remedy)")
        }
        if let words = report.refused[resource.spec.name] {
            return .unmet(type, reason: ResolverError.Reason.refused.rawValue, message: words)
        }
        if let error = report.live {
            return error.reason == .unavailable
                ? .unknown(type, reason: error.reason.rawValue, message: error.detail)
                : .unmet(type, reason: error.reason.rawValue, message: error.detail)
        }
        if let error = report.stored {
            return .unmet(
                type, reason: error.reason.rawValue,
                message: "It is live but would be lost when the resolver restarts: \(error.detail)")
        }
        if resource.isDeleted {
            return .met(type, reason: "TakenAway", message: "The resolver no longer holds it")
        }
        return .met(
            type, reason: "InPlace",
            message: "The resolver holds it\(aliasNote(resource, table)), now and after a restart")
    }

    /// How an alias is held.
    private static func aliasNote(_ resource: Resource<RecordSpec>, _ table: RecordTable) -> String {
        guard resource.spec.type == .cname, let target = resource.spec.values.first else { return "" }
        let sets = table.publication.names[resource.spec.name] ?? []
        if sets.contains(where: { $0.type == .cname }) {
            return
                " as a bare CNAME to \(target), which the lab does not answer for: clients must ask for it themselves"
        }
        return " as \(sets.map(\.summary).joined(separator: " and ")), the addresses of \(target)"
    }

    /// Whether the resolver, asked over DNS, answers what is declared; of a record that is being removed, whether it
    /// no longer does.
    static func resolvable(
        _ resource: Resource<RecordSpec>, _ table: RecordTable, _ observation: RecordObservation?
    ) -> Condition {
        let type = "Resolvable"
        guard let observation else {
            let refusal = table.refusal(of: resource.name)
            return .unmet(
                type, reason: refusal?.reason.rawValue ?? "NotPublished",
                message: "It is not published" + (refusal.map { ": \($0.detail)" } ?? ""))
        }
        if let failure = observation.failure {
            return .unknown(type, reason: failure.reason.rawValue, message: failure.detail)
        }
        guard observation.isMatch else {
            return .unmet(
                type, reason: "AnswerDiffers",
                message: "\(observation.sentence). Right would be \(observation.expected)")
        }
        if !resource.isDeleted, resource.spec.type == .cname, let target = resource.spec.values.first,
            let name = try? RecordName(target), table.aliasEnd(name, from: resource.spec.name) == .missing
        {
            return .unmet(
                type, reason: targetMissing,
                message: "\(observation.sentence), but \(target) has no address. Declare an A or AAAA record for it")
        }
        return .met(type, reason: resource.isDeleted ? "Gone" : "AnswerMatches", message: observation.sentence)
    }
}
