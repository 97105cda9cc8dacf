/// Why a text is not YAML, or not what the lab reads of it, and where.
public struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// In the words of the parser, without a full stop.
    public let problem: String
    /// From 1.
    public let line: Int
    /// From 1, in characters.
    public let column: Int

    public var description: String { "line \(line), column \(column): \(problem)" }
}
