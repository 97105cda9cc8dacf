import LabCore

/// Why a record is not accepted: at its declaration as a problem, afterwards as a condition.
struct RecordRefusal: Sendable, Hashable {
    /// The condition's reason.
    enum Reason: String, Sendable {
        case outsideZones = "OutsideZones"
        case nameNotCanonical = "NameNotCanonical"
        case conflicts = "ConflictsWithRecord"
        case aliasLoop = "AliasLoop"
        case unsupported = "UnsupportedByDriver"
    }

    let reason: Reason
    /// A pointer into the spec.
    let field: String
    let detail: String
    let remedy: String

    init(_ reason: Reason, field: String, _ detail: String, remedy: String) {
        self.reason = reason
        self.field = field
        self.detail = detail
        self.remedy = remedy
    }

    var problem: Problem {
        let fields = [Problem.Field("/body" + field, detail, remedy: remedy)]
        return switch reason {
        case .outsideZones, .nameNotCanonical: .invalid(fields)
        case .conflicts, .aliasLoop: .conflict(detail, remedy: remedy, fields: fields)
        case .unsupported:
            Problem(
                .unprocessable, title: "The resolver cannot hold this record (\(reason.rawValue))", detail: detail,
                remedy: remedy, fields: fields)
        }
    }
}
