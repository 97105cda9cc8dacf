public import LabCore

/// The path, with its query, that is asked for to see whether an upstream answers: begins with a slash, at most 1024
/// characters that a URL may have.
public struct ProbePath: ValidatedText {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        let allowed = Set("-._~/?=&%+:,;@!*".utf8)
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: allowed.contains(byte)
            }
        }
        guard text.hasPrefix("/"), text.utf8.count <= 1024, isPlain else {
            throw InvalidText(
                "the path does not begin with a slash, is too long, or has a character that a URL may not have",
                remedy: "Give a path such as /health")
        }
        self.text = text
    }

    private init(trusted text: String) { self.text = text }

    public static let root = ProbePath(trusted: "/")
}

/// A path that a proxy puts before each request's own: begins with a slash and does not end with one; `/` alone is none.
public struct PathPrefix: ValidatedText {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        var path = text[...]
        while path.last == "/" { path.removeLast() }
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                true
            default: false
            }
        }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard isPlain, path.hasPrefix("/"), path.utf8.count <= 255,
            !segments.contains(where: { $0 == "." || $0 == ".." || $0.isEmpty })
        else {
            throw InvalidText(
                "the path is not plain",
                remedy: "Give one such as /app: letters, digits, “-”, “_”, “.” and “~” between single slashes")
        }
        self.text = String(path)
    }
}
