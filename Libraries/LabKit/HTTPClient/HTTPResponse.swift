public import FoundationEssentials

public enum HTTPVersion: String, Sendable, CustomStringConvertible {
    case http10 = "HTTP/1.0"
    case http11 = "HTTP/1.1"
    case http2 = "HTTP/2"
    case http3 = "HTTP/3"

    public var description: String { rawValue }
}

/// When the stages of the last attempt ended, counted from its start. A stage that did not happen, because an open
/// connection was used or the URL is not https, is zero.
public struct HTTPTimings: Sendable, Equatable {
    public var nameLookup = Duration.zero
    public var connect = Duration.zero
    public var tlsHandshake = Duration.zero
    public var firstByte = Duration.zero
    /// The end of the body; in a streamed response the moment at which it was handed over.
    public var total = Duration.zero

    public init() {}
}

/// Everything about a response but its body.
public struct HTTPResponseHead: Sendable {
    public var status: Int
    public var headers: HTTPHeaders
    public var version: HTTPVersion
    /// The URL that answered, after redirects.
    public var url: String
    /// The address of the peer, without port; nil over a Unix domain socket.
    public var remoteAddress: String?
    public var remotePort: Int?
    public var timings: HTTPTimings
    /// The chain as the server sent it, its own certificate first. Filled when
    /// ``HTTPRequest/usesFreshConnection`` is set.
    public var certificates: [PeerCertificate]
    /// How often the request was sent, redirects not counted.
    public var attempts = 1
    public var redirects = 0
}

/// A response with its whole body.
public struct HTTPResponse: Sendable {
    public var head: HTTPResponseHead
    public var body: [UInt8]

    public var status: Int { head.status }
    public var headers: HTTPHeaders { head.headers }
    public var version: HTTPVersion { head.version }
    public var timings: HTTPTimings { head.timings }
    public var certificates: [PeerCertificate] { head.certificates }

    /// Whether the status is 2xx.
    public var isSuccess: Bool { (200..<300).contains(head.status) }

    /// The body as UTF-8; what is not UTF-8 is replaced.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body decoded from JSON.
    public func json<Value: Decodable>(
        _ type: Value.Type = Value.self, decoder: JSONDecoder = JSONDecoder()
    ) throws -> Value {
        try decoder.decode(type, from: Data(body))
    }
}

/// A response whose body is read while it arrives. Valid inside the closure that got it.
public struct HTTPStreamingResponse: Sendable {
    public let head: HTTPResponseHead
    /// Chunks as they come, none of them empty. For one reader. While it does not read, the server is made to wait.
    public let body: HTTPBodyStream

    public var status: Int { head.status }
    public var headers: HTTPHeaders { head.headers }

    /// The rest of the body, for a short one such as an error's.
    /// - Throws: ``HTTPClientError`` with ``HTTPClientError/Kind/bodyTooLarge(limit:)`` over the limit in bytes.
    public func collect(upTo limit: Int = 8 << 20) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in body {
            guard bytes.count + chunk.count <= limit else {
                throw HTTPClientError(.bodyTooLarge(limit: limit), at: body.place)
            }
            bytes += chunk
        }
        return bytes
    }
}

/// The body of a streamed response.
public struct HTTPBodyStream: AsyncSequence, Sendable {
    let transfer: Transfer
    let loop: TransferLoop
    var place: String { transfer.plan.place }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let transfer: Transfer
        let loop: TransferLoop

        public mutating func next() async throws -> [UInt8]? {
            try await transfer.nextChunk(on: loop)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> [UInt8]? {
            try await transfer.nextChunk(on: loop)
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(transfer: transfer, loop: loop)
    }
}
