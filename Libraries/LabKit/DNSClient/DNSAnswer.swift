/// The outcome that a server reports (RFC 1035 section 4.1.1, RFC 2136 section 2.2).
public struct DNSResponseCode: Sendable, Hashable, CustomStringConvertible {
    public let code: UInt8

    public static let noError = DNSResponseCode(code: 0)
    public static let formatError = DNSResponseCode(code: 1)
    public static let serverFailure = DNSResponseCode(code: 2)
    /// The name does not exist, with any type.
    public static let nameError = DNSResponseCode(code: 3)
    public static let notImplemented = DNSResponseCode(code: 4)
    public static let refused = DNSResponseCode(code: 5)

    private static let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]

    public var description: String { Int(code) < Self.names.count ? Self.names[Int(code)] : "RCODE\(code)" }
}

public enum DNSTransport: Sendable {
    case udp
    case tcp
    /// UDP first, TCP when the answer is truncated.
    case automatic
}

/// What a server answered to one question. NXDOMAIN and SERVFAIL are answers as well.
public struct DNSAnswer: Sendable, Equatable {
    public var responseCode: DNSResponseCode
    public var isAuthoritative: Bool
    /// The answer did not fit; only ever true with ``DNSTransport/udp``.
    public var isTruncated: Bool
    /// The answer section in its order: aliases that were followed come before what they lead to.
    public var records: [DNSRecord]
    /// The authority section, which has the SOA record of a negative answer.
    public var authority: [DNSRecord]
}

/// Why there is no answer.
public enum DNSClientError: Error, Sendable, Equatable, CustomStringConvertible {
    case timedOut(server: String, question: String)
    /// The address is not one, or no socket could be opened.
    case unreachable(server: String, detail: String)
    /// The server's message breaks the rules of RFC 1035.
    case malformed(server: String, detail: String)
    case shutDown

    public var description: String {
        switch self {
        case .timedOut(let server, let question):
            "\(server): no answer to \(question) in time. Check that the server runs and lets this machine ask"
        case .unreachable(let server, let detail):
            "\(server): cannot be asked (\(detail)). Check address, port and network"
        case .malformed(let server, let detail):
            "\(server): its answer is malformed (\(detail)). Check what listens on that port"
        case .shutDown: "the DNS client has been shut down. Make a new client"
        }
    }
}
