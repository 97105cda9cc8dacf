/// Gathers the header lines of one response. Interim responses (1xx) are passed over, trailers are counted and dropped.
struct ResponseHeadParser {
    enum Step: Equatable {
        case more
        /// The final status line and all headers are there.
        case complete
        case tooLarge
        case malformed
    }

    let limit: Int
    private(set) var status = 0
    private(set) var version = HTTPVersion.http11
    private(set) var headers: [HTTPHeaders.Field] = []
    private(set) var isComplete = false
    private var bytes = 0

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes one line with its line ending, as libcurl hands it out.
    mutating func take(_ line: UnsafeBufferPointer<UInt8>) -> Step {
        bytes += line.count
        guard bytes <= limit else { return .tooLarge }
        guard !isComplete else { return .more }
        var text = line[...]
        while let last = text.last, last == 0x0A || last == 0x0D { text.removeLast() }
        if text.isEmpty {
            guard status >= 200 || status == 101 else { return .more }
            isComplete = true
            return .complete
        }
        if text.starts(with: "HTTP/".utf8) {
            return takeStatusLine(text)
        }
        if text.first == 0x20 || text.first == 0x09, let last = headers.indices.last {
            // Obsolete line folding (RFC 9112 section 5.2): the line goes on where the one before it ended.
            headers[last].value += " " + Self.trimmed(text)
            return .more
        }
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return .malformed }
        headers.append(
            .init(
                name: String(decoding: text[..<colon], as: UTF8.self),
                value: Self.trimmed(text[text.index(after: colon)...])))
        return .more
    }

    private mutating func takeStatusLine(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> Step {
        let parts = line.split(separator: 0x20, maxSplits: 2)
        guard parts.count >= 2, let status = Int(String(decoding: parts[1], as: UTF8.self)) else { return .malformed }
        self.status = status
        headers.removeAll(keepingCapacity: true)
        version = HTTPVersion(rawValue: String(decoding: parts[0], as: UTF8.self)) ?? .http11
        return .more
    }

    private static func trimmed(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        var bytes = bytes
        while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
