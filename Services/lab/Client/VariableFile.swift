import FoundationEssentials
import LabKit

/// The file `.env` beside a Compose file, which that is filled in with.
struct VariableFile: Sendable {
    private var lines: [String]

    init(_ text: String?) {
        lines = (text ?? "").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last == "" { lines.removeLast() }
    }

    /// The text with further variables, each in the place of one of the same name; nil when there is none at all.
    ///
    /// - Throws: ``CommandFault`` for what is not `NAME=value`.
    func setting(_ assignments: [String]) throws -> String? {
        var lines = lines
        for assignment in assignments {
            guard let equals = assignment.firstIndex(of: "="), Self.isName(assignment[..<equals]),
                !assignment.contains(where: \.isNewline)
            else {
                throw CommandFault(
                    "--set \(assignment) does not set a variable", remedy: "Write --set NAME=value",
                    status: CommandFault.misuse)
            }
            // In single quotes everything stands for itself (Compose's interpolation, "env_file format").
            let value = assignment[assignment.index(after: equals)...].replacing("'", with: "\\'")
            lines.removeAll { $0.hasPrefix(assignment[...equals]) }
            lines.append("\(assignment[...equals])'\(value)'")
        }
        return lines.isEmpty ? nil : lines.joined(separator: "\n") + "\n"
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
