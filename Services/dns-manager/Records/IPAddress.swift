import Glibc
public import LabCore

/// An IPv4 or IPv6 address in its canonical spelling (RFC 5952 for IPv6), without zone, prefix length or port.
public struct IPAddress: ValidatedText {
    public let text: String
    /// Four or sixteen bytes, the most significant first.
    public let bytes: [UInt8]

    public init(_ text: String) throws(InvalidText) {
        for family in [AF_INET, AF_INET6] {
            var bytes = [UInt8](repeating: 0, count: family == AF_INET ? 4 : 16)
            guard inet_pton(family, text, &bytes) == 1, !text.utf8.contains(0) else { continue }
            self.init(bytes: bytes)
            return
        }
        throw InvalidText(
            "“\(text.prefix(80))” is not an IP address", remedy: "Give one such as 192.168.1.5 or fd00::5")
    }

    /// From four or sixteen bytes, as they stand in a message or a packet.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let written = inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &buffer, socklen_t(buffer.count))
        let end = written == nil ? 0 : buffer.firstIndex(of: 0) ?? 0
        text = String(decoding: buffer[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    public var isIPv4: Bool { bytes.count == 4 }

    /// The owner name of the address's PTR record (RFC 1035 section 3.5, RFC 3596 section 2.5).
    public var reverseName: RecordName {
        get throws {
            if isIPv4 {
                return try RecordName(bytes.reversed().map(String.init).joined(separator: ".") + ".in-addr.arpa")
            }
            let nibbles = bytes.reversed().flatMap { [$0 & 15, $0 >> 4] }
            return try RecordName(nibbles.map { String($0, radix: 16) }.joined(separator: ".") + ".ip6.arpa")
        }
    }

    /// Whether the address is one that a home may number itself with: RFC 1918, the shared space of RFC 6598, unique
    /// local IPv6 (RFC 4193). Their reverse zones are empty in the public tree.
    public var isPrivate: Bool {
        if isIPv4 {
            return switch (bytes[0], bytes[1]) {
            case (10, _), (172, 16...31), (192, 168), (100, 64...127): true
            default: false
            }
        }
        return bytes[0] == 0xFD
    }

    public static func == (left: IPAddress, right: IPAddress) -> Bool { left.bytes == right.bytes }
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}
