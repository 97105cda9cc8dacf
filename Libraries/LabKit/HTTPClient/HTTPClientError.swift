/// Why a request has no response. A response of any status, 500 as well, is not an error.
///
/// It names the origin and never the path, the query or a header, because those may hold credentials.
/// A cancelled task throws `CancellationError` instead.
public struct HTTPClientError: Error, Sendable, Equatable {
    public enum Phase: String, Sendable {
        case connecting
        case total
        case idle
    }

    public enum Kind: Sendable, Equatable {
        /// The request cannot be sent as it is.
        case invalidRequest
        case couldNotResolve
        case connectionRefused
        /// The connection could not be made for another reason, such as no route to the host.
        case couldNotConnect
        /// The connection broke before the response was complete.
        case connectionClosed
        /// The certificate is signed by nobody whom the client trusts.
        case unknownAuthority
        /// The certificate is for other names than the URL's host.
        case nameMismatch
        case certificateExpired
        case certificateNotYetValid
        /// The certificate is refused for another reason, by the code of OpenSSL's `X509_V_ERR_…`.
        case certificateRefused(code: Int)
        /// No common ground in the TLS handshake, or the server refused the client's certificate.
        case tlsHandshake
        /// The configured authorities or client certificate cannot be used.
        case tlsConfiguration
        case timedOut(Phase, after: Duration)
        /// The header section is larger than so many bytes.
        case headersTooLarge(limit: Int)
        /// The body is larger than so many bytes.
        case bodyTooLarge(limit: Int)
        case tooManyRedirects(limit: Int)
        /// A redirect from https to http, or to something that is neither.
        case insecureRedirect
        /// What came is not HTTP.
        case protocolViolation
        /// The sequence that makes the request's body threw, or its length is not the one that was announced.
        case requestBodyFailed
        case clientShutDown
        /// libcurl refused, by its `CURLcode`.
        case engine(code: Int)
    }

    public let kind: Kind
    /// Method and origin, such as `GET https://nas.home.arpa:443`.
    public let place: String
    /// What was seen, in the words of whoever saw it; may be empty.
    public let detail: String

    init(_ kind: Kind, at place: String, detail: String = "") {
        self.kind = kind
        self.place = place
        self.detail = detail
    }

    /// Whether the same request may succeed a moment later, because no server has judged it.
    public var isConnectionFailure: Bool {
        switch kind {
        case .couldNotResolve, .connectionRefused, .couldNotConnect, .connectionClosed, .timedOut(.connecting, _): true
        default: false
        }
    }
}

extension HTTPClientError {
    /// Whether the server answered with a certificate that does not hold.
    public var isAboutCertificate: Bool {
        switch kind {
        case .unknownAuthority, .nameMismatch, .certificateExpired, .certificateNotYetValid, .certificateRefused: true
        default: false
        }
    }
}

extension HTTPClientError: CustomStringConvertible {
    public var description: String {
        "\(place): \(cause). \(explanation.remedy)"
    }

    /// What happened alone, for a message that names the place and the remedy itself.
    public var cause: String {
        explanation.what + (detail.isEmpty ? "" : " (\(detail))")
    }

    /// What happened, and what to do about it.
    private var explanation: (what: String, remedy: String) {
        switch kind {
        case .invalidRequest:
            ("the request is not valid", "Correct the URL, method or header")
        case .couldNotResolve:
            ("the host name has no address", "Check its DNS record and this machine's resolver")
        case .connectionRefused:
            ("nothing listens on that port", "Start the service, or correct the port")
        case .couldNotConnect:
            ("the connection could not be made", "Check the network between the two, and firewalls")
        case .connectionClosed:
            ("the connection ended before the response was complete", "Look into the server's log")
        case .unknownAuthority:
            ("the certificate is signed by an authority that is not trusted", "Add that authority to the trusted ones")
        case .nameMismatch:
            ("the certificate is for other names", "Issue a certificate for this host name, or ask by another name")
        case .certificateExpired:
            ("the certificate has expired", "Renew it, and check this machine's clock")
        case .certificateNotYetValid:
            ("the certificate is not valid yet", "Check the clocks of both machines")
        case .certificateRefused(let code):
            ("the certificate is refused, verify code \(code)", "Inspect its chain with openssl verify")
        case .tlsHandshake:
            ("no TLS connection came about", "Check that the port speaks TLS, and which client certificates it wants")
        case .tlsConfiguration:
            ("the configured certificates cannot be used", "Check the PEM text of authorities, certificate and key")
        case .timedOut(.connecting, let limit):
            ("no connection after \(limit)", "Check that the host is up and that no firewall drops packets")
        case .timedOut(.total, let limit):
            ("not done after \(limit)", "Look at the server's load, or allow more time")
        case .timedOut(.idle, let limit):
            ("nothing was sent or received for \(limit)", "Look at the server's load, or allow a longer silence")
        case .headersTooLarge(let limit):
            ("the response's headers exceed the limit of \(limit) bytes", "Raise maximumHeaderBytes if that is right")
        case .bodyTooLarge(let limit):
            ("the response's body exceeds the limit of \(limit) bytes", "Raise maximumBodyBytes, or stream the body")
        case .tooManyRedirects(let limit):
            ("more than \(limit) redirects", "Look for a loop between proxy and service")
        case .insecureRedirect:
            ("a redirect away from https is refused", "Correct the Location that the server sends")
        case .protocolViolation:
            ("the answer is not valid HTTP", "Check that the port belongs to an HTTP server")
        case .requestBodyFailed:
            ("the request's body could not be sent", "Look at the source of the body")
        case .clientShutDown:
            ("the client has been shut down", "Make a new client")
        case .engine(let code):
            ("libcurl failed with code \(code)", "See libcurl-errors(3)")
        }
    }
}
