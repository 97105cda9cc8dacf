import FoundationEssentials
import LabCore

/// One attempt, checked and spelled out: what the thread needs to set up an easy handle, with nothing left to decide.
struct TransferPlan: Sendable {
    enum Upload: Sendable {
        case none
        case bytes([UInt8])
        case stream(length: Int?)
    }

    /// Whether the body is gathered for its caller, up to a limit, or handed over chunk by chunk.
    enum Delivery: Sendable {
        case collect(limit: Int)
        case stream(limit: Int?)
    }

    let method: String
    let url: String
    let origin: Origin
    /// Complete lines, `Name: value`.
    let headerLines: [String]
    let upload: Upload
    let delivery: Delivery
    let timeouts: HTTPTimeouts
    /// What remains of the total time-out.
    let remaining: Duration?
    let connectOverrides: [HTTPConnectOverride]
    let acceptsCompression: Bool
    let usesFreshConnection: Bool

    /// The most bytes of a body, where there is a bound.
    var bodyLimit: Int? {
        switch delivery {
        case .collect(let limit): limit
        case .stream(let limit): limit
        }
    }

    /// Method and origin: what may be printed.
    let place: String

    init(
        _ request: HTTPRequest, origin: Origin, configuration: HTTPClientConfiguration, remaining: Duration?,
        isStreamed: Bool
    ) throws(HTTPClientError) {
        self.origin = origin
        place = "\(request.method) \(origin)"
        method = request.method.name
        url = request.url
        guard !method.isEmpty, method.utf8.allSatisfy(HTTPSyntax.isTokenByte) else {
            throw HTTPClientError(.invalidRequest, at: "\(origin)", detail: "the method is not a token")
        }
        headerLines = try Self.headerLines(of: request, configuration: configuration, place: place)
        upload =
            switch request.body {
            case .none: .none
            case .bytes(let bytes): .bytes(bytes)
            case .stream(let length, _, _): .stream(length: length)
            }
        delivery =
            isStreamed
            ? .stream(limit: request.maximumBodyBytes) : .collect(limit: request.maximumBodyBytes ?? 8 << 20)
        timeouts = request.timeouts
        self.remaining = remaining
        connectOverrides = request.connectOverrides + configuration.connectOverrides
        acceptsCompression = request.acceptsCompression
        usesFreshConnection = request.usesFreshConnection
    }

    private static func headerLines(
        of request: HTTPRequest, configuration: HTTPClientConfiguration, place: String
    ) throws(HTTPClientError) -> [String] {
        var lines: [String] = []
        lines.reserveCapacity(request.headers.fields.count + 4)
        for field in request.headers.fields {
            lines.append(try line(field.name, field.value, place: place))
        }
        if let authorization = request.authorization {
            lines.append(try line("Authorization", authorization.reveal(), place: place))
        }
        if !request.headers.contains("User-Agent") {
            lines.append(try line("User-Agent", configuration.userAgent, place: place))
        }
        // libcurl adds these where a body is sent. The first costs a second of waiting at servers that do not answer
        // it, the second is wrong for anything but a form.
        if case .none = request.body {
            return lines
        }
        if !request.headers.contains("Expect") { lines.append("Expect:") }
        if !request.headers.contains("Content-Type") { lines.append("Content-Type:") }
        return lines
    }

    /// A header line, refused where it could become two.
    private static func line(_ name: String, _ value: String, place: String) throws(HTTPClientError) -> String {
        guard !name.isEmpty, name.utf8.allSatisfy(HTTPSyntax.isTokenByte) else {
            throw HTTPClientError(.invalidRequest, at: place, detail: "a header's name is not a token")
        }
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw HTTPClientError(
                .invalidRequest, at: place, detail: "the value of header \(name) has a control character")
        }
        // libcurl takes "Name:" for "do not send", and "Name;" for an empty value.
        return value.isEmpty ? "\(name);" : "\(name): \(value)"
    }
}

enum HTTPSyntax {
    /// `tchar` of RFC 9110 section 5.6.2.
    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
