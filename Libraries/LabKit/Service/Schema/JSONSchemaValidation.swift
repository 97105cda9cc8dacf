public import LabCore

extension JSONSchema {
    /// What does not fit, field by field; empty when the value fits.
    public func faults(in value: JSONValue, at pointer: String = "") -> [Problem.Field] {
        if value == .null {
            return isNullable || shape == .any
                ? [] : [Problem.Field(pointer, "the value is null", remedy: "Give \(expectation), or leave it out")]
        }
        switch (shape, value) {
        case (.any, _), (.boolean, .boolean):
            return []
        case (.integer(let minimum, let maximum), _):
            guard let number = value.intValue else { return [mismatch(value, pointer)] }
            if let minimum, number < minimum { return [outOfRange(number, pointer)] }
            if let maximum, number > maximum { return [outOfRange(number, pointer)] }
            return []
        case (.number, .integer), (.number, .number):
            return []
        case (.string(let rules), .string(let text)):
            return faults(in: text, rules, pointer)
        case (.array(let items, let minimum, let maximum), .array(let values)):
            if let minimum, values.count < minimum {
                return [Problem.Field(pointer, "the list has too few items", remedy: "Give at least \(minimum)")]
            }
            if let maximum, values.count > maximum {
                return [Problem.Field(pointer, "the list has too many items", remedy: "Give at most \(maximum)")]
            }
            return values.enumerated().flatMap { items.faults(in: $1, at: "\(pointer)/\($0)") }
        case (.object(let properties), .object(let members)):
            return faults(in: members, properties, pointer)
        case (.map(let values), .object(let members)):
            return members.sorted { $0.key < $1.key }.flatMap { key, member in
                values.faults(in: member, at: pointer + "/" + Self.escape(key))
            }
        default:
            return [mismatch(value, pointer)]
        }
    }

    private func faults(in text: String, _ rules: StringRules, _ pointer: String) -> [Problem.Field] {
        if text.utf8.contains(0) {
            return [Problem.Field(pointer, "the text has a NUL character", remedy: "Remove it")]
        }
        if let values = rules.values, !values.contains(text) {
            return [
                Problem.Field(
                    pointer, "“\(text.prefix(80))” is not one of the values",
                    remedy: "Give one of " + values.joined(separator: ", "))
            ]
        }
        if let minimum = rules.minimumLength, text.unicodeScalars.count < minimum {
            return [Problem.Field(pointer, "the text is too short", remedy: "Give at least \(minimum) characters")]
        }
        if let maximum = rules.maximumLength, text.unicodeScalars.count > maximum {
            return [Problem.Field(pointer, "the text is too long", remedy: "Give at most \(maximum) characters")]
        }
        return []
    }

    private func faults(
        in members: [String: JSONValue], _ properties: [Property], _ pointer: String
    ) -> [Problem.Field] {
        var faults: [Problem.Field] = []
        for property in properties {
            if let member = members[property.name] {
                faults += property.schema.faults(in: member, at: pointer + "/" + property.name)
            } else if property.isRequired {
                faults.append(
                    Problem.Field(
                        pointer + "/" + property.name, "the field is missing",
                        remedy: "Give \(property.schema.expectation)"))
            }
        }
        let known = properties.map(\.name)
        for key in members.keys.sorted() where !known.contains(key) {
            let nearest = SpellingDistance.nearest(to: key, among: known)
            faults.append(
                Problem.Field(
                    pointer + "/" + Self.escape(key), "the field is not known",
                    remedy: nearest.map { "Did you mean “\($0)”?" }
                        ?? (known.isEmpty ? "Leave it out" : "Known are " + known.joined(separator: ", "))))
        }
        return faults
    }

    private func mismatch(_ value: JSONValue, _ pointer: String) -> Problem.Field {
        Problem.Field(pointer, "the value is \(value.typeName)", remedy: "Give \(expectation)")
    }

    private func outOfRange(_ number: Int64, _ pointer: String) -> Problem.Field {
        Problem.Field(pointer, "\(number) is out of range", remedy: "Give \(expectation)")
    }

    /// What would be right, for a remedy.
    private var expectation: String {
        let what: String
        switch shape {
        case .any: what = "a value"
        case .boolean: what = "true or false"
        case .integer(let minimum?, let maximum?): what = "an integer from \(minimum) to \(maximum)"
        case .integer: what = "an integer"
        case .number: what = "a number"
        case .string(let rules):
            what = rules.values.map { "one of " + $0.joined(separator: ", ") } ?? "a string"
        case .array: what = "a list"
        case .object, .map: what = "an object"
        }
        if case .string(let text)? = example { return "\(what), such as \(text)" }
        return what
    }

    private static func escape(_ key: String) -> String {
        String(key.prefix(80)).replacing("~", with: "~0").replacing("/", with: "~1")
    }
}

/// The distance of two words, to suggest what may have been meant.
public enum SpellingDistance {
    /// The nearest candidate that differs in at most a third of the word's characters.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        guard word.utf8.count <= 64 else { return nil }
        let limit = max(1, word.count / 3)
        return candidates.map { ($0, distance(word, $0)) }.filter { $0.1 <= limit }.min { $0.1 < $1.1 }?.0
    }

    /// How many letters have to be added, removed, replaced or swapped with their neighbour (optimal string alignment).
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left), Array(right))
        var rows = [Array(0...right.count)]
        for (index, letter) in left.enumerated() {
            let above = rows[index]
            var row = [index + 1]
            for (column, other) in right.enumerated() {
                var best = min(min(above[column + 1], row[column]) + 1, above[column] + (letter == other ? 0 : 1))
                if index > 0, column > 0, letter == right[column - 1], left[index - 1] == other {
                    best = min(best, rows[index - 1][column - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
