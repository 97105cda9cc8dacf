import Glibc
public import LabCore

/// What a certificate can be for: a host name, all names directly below one (`*.apps.home.arpa`), or an IP address.
public struct CertificateName: ValidatedText {
    enum Kind: Hashable, Sendable {
        case host(Hostname)
        case wildcard(below: Hostname)
        /// 4 or 16 bytes in network order.
        case address([UInt8])
    }

    let kind: Kind

    /// Parses a host name, a wildcard or an address; IPv6 without brackets or zone.
    public init(_ text: String) throws(InvalidText) {
        if let address = Self.parseAddress(text) {
            kind = .address(address)
        } else if text.hasPrefix("*.") {
            kind = .wildcard(below: try Hostname(String(text.dropFirst(2))))
        } else {
            kind = .host(try Hostname(text))
        }
    }

    public init(_ hostname: Hostname) {
        kind = .host(hostname)
    }

    /// All names directly below `hostname`; not that name itself (RFC 6125, 6.4.3).
    public init(anyNameBelow hostname: Hostname) {
        kind = .wildcard(below: hostname)
    }

    public var text: String {
        switch kind {
        case .host(let hostname): hostname.text
        case .wildcard(let hostname): "*.\(hostname.text)"
        case .address(let bytes): Self.describeAddress(bytes)
        }
    }

    /// Whether every name meant is `domain` or lies below it; false for addresses.
    func isInside(_ domain: Hostname) -> Bool {
        switch kind {
        case .host(let hostname), .wildcard(let hostname): hostname.isInside(domain)
        case .address: false
        }
    }

    var isAddress: Bool {
        if case .address = kind { true } else { false }
    }

    /// The canonical text of 4 or 16 bytes in network order, and hexadecimal digits for any other number.
    static func describeAddress(_ bytes: [UInt8]) -> String {
        guard bytes.count == 4 || bytes.count == 16 else { return Hex.encode(bytes) }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func parseAddress(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}
