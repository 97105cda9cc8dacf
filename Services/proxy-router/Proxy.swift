public import LabCore

/// The seam: a reverse proxy that takes the whole of what it is to serve.
///
/// A driver promises: ``apply(_:)`` returns when the proxy serves that state and nothing of an earlier one (or, where
/// `servesAtOnce` is false, when it has been handed over); it changes nothing when there is nothing to change; a route
/// that the proxy refuses does not keep the others from being served; when all else fails the former state stays; a
/// proxy that is away is an error, never a hang.
public protocol Proxy: Sendable {
    var capabilities: ProxyCapabilities { get }

    /// Makes the proxy serve exactly this.
    func apply(_ state: ProxyState) async throws(ProxyError) -> ProxyReport

    /// Whether it serves what ``apply(_:)`` would make of this state now; cheap.
    func isServing(_ state: ProxyState) async throws(ProxyError) -> Bool
}

/// What a proxy can do.
public struct ProxyCapabilities: Sendable, Hashable {
    /// The driver's name.
    public let name: String
    /// Whether it serves a state when `apply` returns; otherwise it fetches it after a while.
    public let servesAtOnce: Bool
    /// Whether an error that the proxy itself answers has a `Proxy-Status` header (RFC 9209), so that an upstream's 502
    /// can be told from the proxy's.
    public let marksItsErrors: Bool
    /// The kinds of access that it can enforce.
    public let access: Set<RouteSpec.Access>

    public init(name: String, servesAtOnce: Bool, marksItsErrors: Bool, access: Set<RouteSpec.Access>) {
        self.name = name
        self.servesAtOnce = servesAtOnce
        self.marksItsErrors = marksItsErrors
        self.access = access
    }
}

/// Everything that a proxy is to serve: one route a host, sorted by host.
public struct ProxyState: Sendable, Equatable {
    public let routes: [ProxyRoute]

    /// - Parameter routes: of two with one host the first is taken.
    public init(_ routes: [ProxyRoute]) {
        var hosts: Set<Hostname> = []
        self.routes = routes.filter { hosts.insert($0.host).inserted }.sorted { $0.host < $1.host }
    }

    public func without(_ hosts: Set<Hostname>) -> ProxyState {
        hosts.isEmpty ? self : ProxyState(routes.filter { !hosts.contains($0.host) })
    }
}

/// One route as a proxy serves it.
public struct ProxyRoute: Sendable, Equatable {
    public let host: Hostname
    public let upstream: UpstreamURL
    public let pathPrefix: PathPrefix?
    /// 0 is no limit.
    public let maximumBodyMegabytes: Int
    public let certificate: ServedCertificate

    public init(
        host: Hostname, upstream: UpstreamURL, pathPrefix: PathPrefix? = nil, maximumBodyMegabytes: Int = 0,
        certificate: ServedCertificate
    ) {
        self.host = host
        self.upstream = upstream
        self.pathPrefix = pathPrefix
        self.maximumBodyMegabytes = maximumBodyMegabytes
        self.certificate = certificate
    }
}

/// A certificate with its chain and key.
public struct ServedCertificate: Sendable, Equatable {
    /// Hexadecimal digits of the SHA-256 of the certificate: equal ones have equal chain and key.
    public let fingerprint: String
    public let chainPEM: String
    public let keyPEM: Secret<String>
    /// Whether the lab made certificate and key in one step. Others' are checked to belong together before they are
    /// served, which costs a millisecond each.
    public let isIssuedHere: Bool

    public init(fingerprint: String, chainPEM: String, keyPEM: Secret<String>, isIssuedHere: Bool = false) {
        self.fingerprint = fingerprint
        self.chainPEM = chainPEM
        self.keyPEM = keyPEM
        self.isIssuedHere = isIssuedHere
    }

    public static func == (left: ServedCertificate, right: ServedCertificate) -> Bool {
        left.fingerprint == right.fingerprint
    }
}

/// What `apply` observed.
public struct ProxyReport: Sendable, Equatable {
    /// Names what is served now.
    public let revision: String
    /// The hosts that are not served, each with the proxy's words.
    public let refused: [Hostname: String]
    /// Whether the proxy had to be changed.
    public let isChanged: Bool

    public init(revision: String, refused: [Hostname: String] = [:], isChanged: Bool) {
        self.revision = revision
        self.refused = refused
        self.isChanged = isChanged
    }
}

/// What went wrong with a proxy.
public enum ProxyError: Error, Sendable, Equatable {
    /// It does not run or does not answer.
    case unavailable(detail: String, remedy: String)
    /// It refuses the configuration, and no single route is to blame.
    case refused(detail: String)
    /// It took the configuration and does not serve it; the former one was put back.
    case notServing(detail: String)
    /// Its files cannot be written.
    case fileFailed(path: String, action: String, detail: String)
}

extension ProxyError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unavailable(let detail, let remedy): "\(detail). \(remedy)"
        case .refused(let detail): "the proxy refuses its configuration: \(detail). The former one stays"
        case .notServing(let detail): "the proxy does not serve its new configuration: \(detail). The former one stays"
        case .fileFailed(let path, let action, let detail):
            "cannot \(action) \(path): \(detail). Check the folder's owner and the disk"
        }
    }

    /// One word for a condition.
    public var reason: String {
        switch self {
        case .unavailable: "ProxyUnavailable"
        case .refused: "ConfigurationRefused"
        case .notServing: "ConfigurationNotServed"
        case .fileFailed: "FilesNotWritable"
        }
    }
}
