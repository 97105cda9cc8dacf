import LabCore
import LabState
import Yams

/// YAML as the values that JSON has, which is all that Compose files are made of.
enum YAMLText {
    /// The value under one key of a mapping; nil when the text is no mapping or lacks the key.
    static func value(of key: String, in text: String) -> JSONValue? {
        guard let file = try? Yams.load(yaml: text) as? [String: Any], let value = file[key] else { return nil }
        return json(value)
    }

    private static func json(_ value: Any) -> JSONValue {
        switch value {
        case let text as String: .string(text)
        case let flag as Bool: .boolean(flag)
        case let number as Int: .integer(Int64(number))
        case let number as Double: .number(number)
        case let list as [Any]: .array(list.map(json))
        case let members as [String: Any]: .object(members.mapValues(json))
        default: .null
        }
    }
}
