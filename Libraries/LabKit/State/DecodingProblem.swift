public import LabCore

/// Decoding errors in the words of a person: which field, what was wrong, what would be right.
public enum DecodingProblem {
    /// One line for a message.
    public static func describe(_ error: any Error) -> String {
        let field = field(of: error)
        return field.pointer.isEmpty ? field.detail : "\(field.pointer): \(field.detail)"
    }

    /// The field that could not be decoded, as a JSON Pointer, with its remedy.
    public static func field(of error: any Error) -> Problem.Field {
        guard let error = error as? DecodingError else {
            if let problem = error as? Problem {
                return problem.fields.first ?? Problem.Field("", problem.detail, remedy: problem.remedy ?? "")
            }
            return Problem.Field("", "\(error)", remedy: "Correct the value")
        }
        switch error {
        case .keyNotFound(let key, let context):
            return Problem.Field(
                pointer(context.codingPath + [key]), "the field is missing", remedy: "Give “\(key.stringValue)”")
        case .typeMismatch(let type, let context):
            return Problem.Field(
                pointer(context.codingPath), "the value is not \(name(of: type))", remedy: "Give \(name(of: type))")
        case .valueNotFound(let type, let context):
            return Problem.Field(
                pointer(context.codingPath), "the value is null",
                remedy: "Give \(name(of: type)) or leave the field out")
        case .dataCorrupted(let context):
            if let invalid = context.underlyingError as? InvalidText {
                return Problem.Field(pointer(context.codingPath), invalid.detail, remedy: invalid.remedy)
            }
            if let problem = context.underlyingError as? Problem {
                let inner = problem.fields.first
                return Problem.Field(
                    pointer(context.codingPath) + (inner?.pointer ?? ""), inner?.detail ?? problem.detail,
                    remedy: inner?.remedy ?? problem.remedy ?? "Correct the value")
            }
            return Problem.Field(pointer(context.codingPath), context.debugDescription, remedy: "Correct the value")
        @unknown default:
            return Problem.Field("", "\(error)", remedy: "Correct the value")
        }
    }

    private static func pointer(_ path: [any CodingKey]) -> String {
        path.map { key in
            let text = key.intValue.map(String.init) ?? key.stringValue
            return "/" + text.replacing("~", with: "~0").replacing("/", with: "~1")
        }.joined()
    }

    private static func name(of type: Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is Int.Type, is Int64.Type, is Int32.Type: "an integer"
        case is Double.Type: "a number"
        default:
            "\(type)".hasPrefix("Array") ? "an array" : "\(type)".hasPrefix("Dictionary") ? "an object" : "a \(type)"
        }
    }
}
