public import LabCore

/// Where nginx lies and what it listens on.
public struct NginxSettings: Sendable, Hashable {
    /// The folder of everything that the driver writes.
    public let directory: String
    /// The file that nginx is started with; written by the driver.
    public let configurationFile: String
    /// Where the master writes its process id.
    public let pidFile: String
    /// The addresses to listen on.
    public let listen: [IPLiteral]
    public let httpPort: Int
    public let httpsPort: Int
    /// The HTTPS port as clients see it: another one where something in between maps ports.
    public let publicHTTPSPort: Int
    /// The resolver for upstreams that are names, as nginx takes it: `192.168.1.2:53`.
    public let resolver: ServerAddress
    /// The user of the workers when the master runs as root; nil otherwise.
    public let workerUser: String?
    public let workers: Int

    public init(
        directory: String, configurationFile: String? = nil, pidFile: String? = nil, listen: [IPLiteral], httpPort: Int,
        httpsPort: Int, publicHTTPSPort: Int? = nil, resolver: ServerAddress,
        workerUser: String? = nil, workers: Int = 2
    ) throws(InvalidText) {
        self.directory = directory
        self.configurationFile = configurationFile ?? "\(directory)/nginx.conf"
        self.pidFile = pidFile ?? "\(directory)/nginx.pid"
        self.listen = listen
        self.httpPort = httpPort
        self.httpsPort = httpsPort
        self.publicHTTPSPort = publicHTTPSPort ?? httpsPort
        self.resolver = resolver
        self.workerUser = workerUser
        self.workers = workers
        for path in [directory, self.configurationFile, self.pidFile] { try Self.check(path) }
        guard workerUser?.utf8.allSatisfy(Self.isPlain) ?? true else {
            throw InvalidText("the workers' user has a special character", remedy: "Give a name such as www-data")
        }
    }

    /// Where this machine reaches the HTTP listener.
    var ownAddress: String {
        let first = listen.first?.text ?? "127.0.0.1"
        return first == "0.0.0.0" ? "127.0.0.1" : first == "::" ? "::1" : first
    }

    var currentLink: String { "\(directory)/current" }
    var revisionsFolder: String { "\(directory)/revisions" }
    var certificatesFolder: String { "\(directory)/certificates" }
    var temporaryFolder: String { "\(directory)/temporary" }

    /// Paths stand in the configuration as they are, so they may have no character with a meaning there.
    private static func check(_ path: String) throws(InvalidText) {
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ isPlain($0) || $0 == UInt8(ascii: "/") }) else {
            throw InvalidText(
                "the path “\(path)” is not absolute or has a special character",
                remedy: "Use letters, digits, “-”, “_” and “.” between the slashes")
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// An address and a port: `192.168.1.2:53`, `[fd00::2]:53`, or an address alone with the default port.
public struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
    public let address: IPLiteral
    public let port: Int

    public init(address: IPLiteral, port: Int) {
        self.address = address
        self.port = port
    }

    public init(_ text: String, defaultPort: Int) throws(InvalidText) {
        if let address = IPLiteral(text) {
            self.init(address: address, port: defaultPort)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65535).contains(port)
        else { throw Self.fault(text) }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard let address = IPLiteral(String(host)) else { throw Self.fault(text) }
        self.init(address: address, port: port)
    }

    public var description: String { address.isVersion6 ? "[\(address)]:\(port)" : "\(address):\(port)" }

    private static func fault(_ text: String) -> InvalidText {
        InvalidText("“\(text)” is not an address with a port", remedy: "Give one such as 192.168.1.2:53")
    }
}
