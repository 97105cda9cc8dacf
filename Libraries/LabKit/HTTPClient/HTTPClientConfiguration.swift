public import LabCore

/// Whose signature on a server's certificate is believed.
public enum HTTPTrust: Sendable {
    /// The authorities of the operating system.
    case system
    /// These alone, one or more certificates in PEM.
    case authorities(pem: String)
    /// These and the operating system's.
    case systemAnd(pem: String)
    /// Anyone's: neither signature nor name is checked. Only to look at a certificate, never to send a secret.
    case unverified
}

/// The certificate that a client shows, with its key, both in PEM. The leaf comes first, its intermediates follow.
public struct HTTPClientCertificate: Sendable {
    public var chainPEM: String
    public var keyPEM: Secret<String>

    public init(chainPEM: String, keyPEM: Secret<String>) {
        self.chainPEM = chainPEM
        self.keyPEM = keyPEM
    }
}

/// What all requests of a client have in common.
public struct HTTPClientConfiguration: Sendable {
    public enum Versions: Sendable {
        /// HTTP/1.1 only: each stream has a connection of its own, and a slow reader slows nobody else.
        case http1
        /// HTTP/2 where the server offers it in the TLS handshake, else HTTP/1.1.
        case negotiated
    }

    public var trust = HTTPTrust.system
    public var clientCertificate: HTTPClientCertificate?
    public var versions = Versions.http1
    /// The path of a Unix domain socket to which every request goes, whatever the URL's host is.
    public var unixSocketPath: String?
    public var connectOverrides: [HTTPConnectOverride] = []
    /// Connections to one host at the same time; further requests wait their turn.
    public var connectionsPerHost = 64
    /// Connections at the same time in all.
    public var connectionsInTotal = 256
    /// The most bytes of a response's header section, 1 to 100,000.
    public var maximumHeaderBytes = 65_536
    /// How many bytes of a streamed body wait for their reader before the server is made to wait.
    public var streamBufferBytes = 262_144
    /// The User-Agent header of requests that bring none.
    public var userAgent = "homelab"

    public init() {}
}
