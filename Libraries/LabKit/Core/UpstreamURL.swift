/// The address of an HTTP server that an app is reached at from inside the lab: scheme, host and port, no more
/// (RFC 3986, RFC 9110). The canonical spelling is lower case and leaves the scheme's own port out.
///
/// It is what a proxy sends requests to, so that it refuses what would turn the proxy against the lab itself:
/// credentials, the link-local range with its metadata services (RFC 3927, RFC 4291 §2.5.6), addresses that name no
/// server (unspecified, multicast, broadcast), and the spellings of addresses that only some parsers understand. A
/// host's name is not resolved here: what it resolves to is for whoever connects to check.
public struct UpstreamURL: ValidatedText {
    public enum Scheme: String, Sendable, CaseIterable {
        case http
        case https

        /// The port that is meant where none is written.
        public var defaultPort: UInt16 {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    public let text: String
    public let scheme: Scheme
    public let host: UpstreamHost
    /// 1 to 65535; the scheme's own where none was written.
    public let port: UInt16

    public init(_ text: String) throws(InvalidText) {
        guard !text.isEmpty, text.utf8.count <= 300 else {
            throw InvalidText(
                text.isEmpty ? "the URL is empty" : "the URL has more than 300 characters", remedy: Self.example)
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
            throw InvalidText(
                "the URL has a space, a backslash, a control character or one outside ASCII", remedy: Self.example)
        }
        let (scheme, rest) = try Self.scheme(of: text)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest.dropFirst(authority.count)
        guard !authority.contains("@") else {
            throw InvalidText(
                "the URL holds a user name or a password",
                remedy: "Remove what stands before the “@”; credentials belong in the app's own configuration")
        }
        guard tail.isEmpty || tail == "/" else {
            throw InvalidText(
                "the URL has a path, a query or a fragment",
                remedy: "Give scheme, host and port only, such as \(Self.shape)")
        }
        let (hostText, portText) = try Self.split(authority)
        host = try UpstreamHost(hostText)
        port = try portText.map(Self.port) ?? scheme.defaultPort
        self.scheme = scheme
        self.text = "\(scheme.rawValue)://\(host)" + (port == scheme.defaultPort ? "" : ":\(port)")
    }

    /// Host and port as one word, always with the port: `192.168.1.20:80`, `[fd00::1]:443`.
    public var authority: String { "\(host):\(port)" }

    private static let shape = "http://192.168.1.20:8096"
    private static let example = "Give the address of a running HTTP server, such as \(shape)"

    private static func scheme(of text: String) throws(InvalidText) -> (Scheme, Substring) {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            throw InvalidText("the URL has no scheme", remedy: "Begin with http:// or https://, such as \(shape)")
        }
        guard let scheme = Scheme(rawValue: text[..<colon].lowercased()) else {
            throw InvalidText("the scheme “\(text[..<colon])” is not one of HTTP", remedy: "Use http:// or https://")
        }
        return (scheme, text[colon...].dropFirst(3))
    }

    private static func split(_ authority: Substring) throws(InvalidText) -> (host: Substring, port: Substring?) {
        guard !authority.isEmpty else { throw InvalidText("the URL has no host", remedy: example) }
        let hostEnd: Substring.Index
        if authority.hasPrefix("[") {
            guard let bracket = authority.firstIndex(of: "]") else {
                throw InvalidText("the IPv6 address has no “]”", remedy: "Write it as http://[fd00::1]:8096")
            }
            hostEnd = authority.index(after: bracket)
        } else {
            hostEnd = authority.firstIndex(of: ":") ?? authority.endIndex
        }
        let rest = authority[hostEnd...]
        guard rest.isEmpty || rest.hasPrefix(":") else {
            throw InvalidText("something stands between the address and its port", remedy: example)
        }
        guard !rest.dropFirst().contains(":") else {
            throw InvalidText(
                "the host has more than one colon",
                remedy: "Write an IPv6 address in brackets, such as http://[fd00::1]:8096")
        }
        return (authority[..<hostEnd], rest.isEmpty ? nil : rest.dropFirst())
    }

    private static func port(_ text: Substring) throws(InvalidText) -> UInt16 {
        let hasDigitsOnly = !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard hasDigitsOnly, let port = UInt16(text), port > 0 else {
            throw InvalidText("the port “\(text)” is not one", remedy: "Give a port from 1 to 65535, or none")
        }
        return port
    }
}
