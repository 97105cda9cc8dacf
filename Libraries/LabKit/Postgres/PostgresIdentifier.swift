public import LabCore

/// The name of a table, column, role or schema, or a qualified one such as `lab.event`; it is always written quoted.
public struct PostgresIdentifier: ValidatedText {
    /// The name without quotes, its parts joined by dots.
    public let text: String

    /// - Throws: when a part is empty, longer than 63 bytes (PostgreSQL would cut it), or has other characters than
    ///   letters, digits, `_`, `-` and `$`.
    public init(_ text: String) throws(InvalidText) {
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            let isPlain = part.unicodeScalars.allSatisfy { scalar in
                scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "_-$".unicodeScalars.contains(scalar)
            }
            guard !part.isEmpty, part.utf8.count <= 63, isPlain else {
                throw InvalidText(
                    "“\(text)” is not the name of something in PostgreSQL",
                    remedy: "Give a name of letters, digits, _, - and $, of at most 63 bytes, with its schema and a "
                        + "dot before it where needed")
            }
        }
        self.text = text
    }

    /// As it is written in SQL: `"lab"."event"`.
    var quoted: String {
        text.split(separator: ".").map { "\"\($0)\"" }.joined(separator: ".")
    }
}
