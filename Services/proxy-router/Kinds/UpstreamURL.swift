public import LabCore

/// Where a route's requests go: `http` or `https`, a host, a port, and a path that is put before the request's own.
///
/// It refuses what must never be reachable through a proxy: link-local addresses, where clouds serve credentials, and
/// the names of such metadata services; and what would not mean the same to every proxy: user names, queries,
/// fragments, and characters with a meaning in a configuration file.
public struct UpstreamURL: ValidatedText {
    public enum Scheme: String, Sendable {
        case http
        case https

        public var defaultPort: Int { self == .http ? 80 : 443 }
    }

    public let scheme: Scheme
    public let host: UpstreamHost
    /// 1 to 65535.
    public let port: Int
    /// Empty, or a path that begins with a slash and does not end with one.
    public let pathPrefix: String

    public init(_ text: String) throws(InvalidText) {
        let remedy = "Give a URL such as http://192.168.1.20:8080"
        guard text.utf8.count <= 1024 else {
            throw InvalidText("the URL has more than 1024 characters", remedy: "Shorten it")
        }
        guard let separator = text.firstRange(of: "://") else {
            throw InvalidText("the URL has no scheme", remedy: remedy)
        }
        guard let scheme = Scheme(rawValue: text[..<separator.lowerBound].lowercased()) else {
            throw InvalidText("the URL's scheme is neither http nor https", remedy: remedy)
        }
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" && $0 != "\\" }
        guard !authority.contains("@") else {
            throw InvalidText(
                "the URL holds a user name or a password", remedy: "Leave them out: declarations can be read by many")
        }
        let (host, port) = try Self.split(authority, remedy: remedy)
        self.scheme = scheme
        self.host = try UpstreamHost(String(host))
        self.port = port ?? scheme.defaultPort
        pathPrefix = try Self.path(rest[authority.endIndex...])
    }

    public var text: String {
        let port = port == scheme.defaultPort ? "" : ":\(port)"
        return "\(scheme.rawValue)://\(host.inURL)\(port)\(pathPrefix)"
    }

    private static func split(
        _ authority: Substring, remedy: String
    ) throws(InvalidText) -> (host: Substring, port: Int?) {
        let host: Substring
        var rest: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else {
                throw InvalidText("the IPv6 address has no closing bracket", remedy: remedy)
            }
            host = authority[..<authority.index(after: end)]
            rest = authority[authority.index(after: end)...]
        } else {
            host = authority.prefix { $0 != ":" }
            rest = authority[host.endIndex...]
        }
        guard !rest.isEmpty else { return (host, nil) }
        guard rest.removeFirst() == ":", rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(rest),
            (1...65535).contains(port)
        else {
            throw InvalidText("the URL's port is not from 1 to 65535", remedy: remedy)
        }
        return (host, port)
    }

    private static func path(_ text: Substring) throws(InvalidText) -> String {
        var path = text
        while path.last == "/" { path.removeLast() }
        guard !path.isEmpty else { return "" }
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
        guard isPlain, path.hasPrefix("/"), !segments.contains(where: { $0 == "." || $0 == ".." || $0.isEmpty }) else {
            throw InvalidText(
                "the URL's path is not plain",
                remedy: "Use letters, digits, “-”, “_”, “.” and “~” between single slashes; no query, no fragment")
        }
        return String(path)
    }
}
