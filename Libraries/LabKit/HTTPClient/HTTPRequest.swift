public import LabCore

/// A request method (RFC 9110 section 9).
public struct HTTPMethod: Sendable, Hashable, CustomStringConvertible {
    public let name: String

    /// Any method by its name, which is case-sensitive. It is checked when the request is sent.
    public init(_ name: String) {
        self.name = name
    }

    public static let get = HTTPMethod("GET")
    public static let head = HTTPMethod("HEAD")
    public static let post = HTTPMethod("POST")
    public static let put = HTTPMethod("PUT")
    public static let patch = HTTPMethod("PATCH")
    public static let delete = HTTPMethod("DELETE")
    public static let options = HTTPMethod("OPTIONS")

    /// Whether sending it twice has the effect of sending it once (RFC 9110 section 9.2.2).
    public var isIdempotent: Bool {
        [.get, .head, .put, .delete, .options, HTTPMethod("TRACE")].contains(self)
    }

    public var description: String { name }
}

/// What a request carries.
public enum HTTPRequestBody: Sendable {
    case none
    case bytes([UInt8])
    /// Chunks made while they are sent. `length` is the exact count of bytes, or nil to send chunked. `make` is called
    /// once for each attempt; only with `isReplayable` is a request with such a body ever sent twice.
    case stream(
        length: Int?, isReplayable: Bool, make: @Sendable () throws -> any AsyncSequence<[UInt8], any Error> & Sendable)

    /// UTF-8 text.
    public static func text(_ text: String) -> HTTPRequestBody {
        .bytes(Array(text.utf8))
    }

    /// A sequence that can be read once. The request is then neither retried nor redirected with its body.
    public static func stream(
        _ sequence: some AsyncSequence<[UInt8], any Error> & Sendable, length: Int? = nil
    ) -> HTTPRequestBody {
        .stream(length: length, isReplayable: false) { sequence }
    }

    var isReplayable: Bool {
        if case .stream(_, let isReplayable, _) = self { isReplayable } else { true }
    }
}

/// How long a request may take. Each of them ends it with ``HTTPClientError/Kind/timedOut(_:after:)``.
public struct HTTPTimeouts: Sendable, Equatable {
    /// Name lookup, TCP and TLS together. More than zero.
    public var connect: Duration
    /// Everything, from the call to the last byte, with redirects, retries and the waits between them; nil for no limit.
    public var total: Duration?
    /// A span in which no byte moved in either direction although both sides were ready. In whole seconds, rounded up;
    /// nil for no limit.
    public var idle: Duration?

    public init(connect: Duration = .seconds(10), total: Duration? = .seconds(60), idle: Duration? = .seconds(30)) {
        self.connect = connect
        self.total = total
        self.idle = idle
    }

    public static let standard = HTTPTimeouts()
    /// For transfers that last as long as they last, such as an event stream: only connecting is limited.
    public static let unlimited = HTTPTimeouts(total: nil, idle: nil)
}

/// What to do with 301, 302, 303, 307 and 308 (RFC 9110 section 15.4).
///
/// A redirect from https to http is refused always. To another origin (scheme, host or port) only headers that
/// describe the content and the client are sent, so no credential leaves the host it was meant for.
public enum HTTPRedirectPolicy: Sendable, Equatable {
    /// The redirect itself is the response.
    case none
    /// Followed up to so many times, then ``HTTPClientError/Kind/tooManyRedirects(limit:)``.
    case follow(maximum: Int)
}

/// Connects elsewhere than the URL's host says, while the Host header, SNI and the certificate check keep the URL's
/// host: to ask one backend directly, or to test a name before its DNS record exists.
///
/// It holds for the request alone. Names are not kept in a cache, as they would be with `CURLOPT_RESOLVE`.
public struct HTTPConnectOverride: Sendable, Equatable {
    /// The URL's host and port that it applies to; nil for any.
    public var host: String?
    public var port: Int?
    /// Where to connect: an address or a name, and a port; nil keeps the URL's.
    public var toHost: String?
    public var toPort: Int?

    public init(host: String?, port: Int?, toHost: String?, toPort: Int?) {
        self.host = host
        self.port = port
        self.toHost = toHost
        self.toPort = toPort
    }

    /// `host` at `port` has this address, whatever DNS says.
    public static func resolve(_ host: String, port: Int, to address: String) -> HTTPConnectOverride {
        HTTPConnectOverride(host: host, port: port, toHost: address, toPort: nil)
    }
}

/// One request with everything that governs it.
public struct HTTPRequest: Sendable {
    public var method: HTTPMethod
    /// An absolute http or https URL, without user and password.
    public var url: String
    public var headers: HTTPHeaders
    public var body: HTTPRequestBody
    /// The value of the Authorization header. Set it here rather than in `headers`, so that it cannot be printed.
    public var authorization: Secret<String>?
    public var timeouts = HTTPTimeouts.standard
    public var redirects = HTTPRedirectPolicy.follow(maximum: 5)
    public var retries = HTTPRetryPolicy.standard
    /// The most bytes of a response body, after decompression. Nil means 8 MiB where the body is collected and no
    /// limit where it is streamed.
    public var maximumBodyBytes: Int?
    /// Tried before those of the client's configuration; the first that matches counts.
    public var connectOverrides: [HTTPConnectOverride] = []
    /// Offers gzip, brotli and zstd, and decompresses.
    public var acceptsCompression = false
    /// Makes a connection of its own, with a full TLS handshake, so that every timing and the certificates in the
    /// response are those of this moment. For probes.
    public var usesFreshConnection = false

    public init(
        method: HTTPMethod = .get, url: String, headers: HTTPHeaders = [:], body: HTTPRequestBody = .none
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

extension HTTPRequest {
    /// The value of an Authorization header of the scheme Bearer (RFC 6750).
    public static func bearer(_ token: Secret<String>) -> Secret<String> {
        Secret("Bearer " + token.reveal())
    }
}

extension HTTPRequest: CustomStringConvertible, CustomReflectable {
    /// Method and origin. Path, query, headers and body may hold credentials and are not printed.
    public var description: String {
        guard let origin = try? Origin(url: url, method: method) else { return "\(method) (not a valid URL)" }
        return "\(method) \(origin)"
    }

    public var customMirror: Mirror { Mirror(self, children: []) }
}
