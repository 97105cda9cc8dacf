public import LabCore
import Glibc

/// The host part of an upstream: an address, or a name that the lab's resolver answers.
public struct UpstreamHost: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case address(IPLiteral)
        case name
    }

    /// Canonical: an address without brackets, or a name in lower case.
    public let text: String
    public let kind: Kind

    /// - Parameter text: as it stands in a URL, so an IPv6 address has its brackets.
    public init(_ text: String) throws(InvalidText) {
        guard !text.isEmpty else {
            throw InvalidText("the URL has no host", remedy: "Give an address or a host name")
        }
        if text.hasPrefix("["), text.hasSuffix("]") {
            guard let address = IPLiteral(String(text.dropFirst().dropLast())), address.isVersion6 else {
                throw InvalidText("“\(text)” is not an IPv6 address", remedy: "Give one such as [fd00::20]")
            }
            self = try Self(address)
        } else if let address = IPLiteral(text), !address.isVersion6 {
            self = try Self(address)
        } else {
            self = try Self(name: text)
        }
    }

    /// As it stands in a URL.
    public var inURL: String {
        if case .address(let address) = kind, address.isVersion6 { "[\(text)]" } else { text }
    }

    private init(_ address: IPLiteral) throws(InvalidText) {
        if let objection = address.objection {
            throw InvalidText(
                "\(address.text) is \(objection), which no route may lead to",
                remedy: "Give the address of a machine in the lab")
        }
        text = address.text
        kind = .address(address)
    }

    private init(name: String) throws(InvalidText) {
        let lowered = name.lowercased()
        let canonical: String
        if let label = try? AppName(lowered) {
            canonical = label.text
        } else {
            canonical = try Hostname(name).text
        }
        let last = canonical.split(separator: ".").last ?? ""
        guard !last.hasPrefix("0x") else {
            throw InvalidText("“\(canonical)” reads as a number", remedy: "Give a host name or a dotted address")
        }
        guard !Self.metadataNames.contains(canonical) else {
            throw InvalidText(
                "“\(canonical)” is a cloud's metadata service, which no route may lead to",
                remedy: "Give the name of a machine in the lab")
        }
        text = canonical
        kind = .name
    }

    /// What the large clouds call the service at 169.254.169.254.
    private static let metadataNames: Set<String> = [
        "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
        "metadata.azure.internal", "metadata.platformequinix.com", "metadata.packet.net", "metadata.tencentyun.com",
    ]
}

/// An IPv4 or IPv6 address in its canonical spelling (RFC 5952).
public struct IPLiteral: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes in network order.
    public let bytes: [UInt8]

    /// Parses four decimal numbers, or IPv6 without brackets and zone; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 {
                self.bytes = bytes
                return
            }
        }
        return nil
    }

    public var isVersion6: Bool { bytes.count == 16 }

    public var text: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(isVersion6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    public var description: String { text }

    /// What speaks against it as an upstream; nil for an ordinary address. Addresses of IPv4 in an IPv6 form (mapped,
    /// compatible, NAT64) are judged as what they stand for.
    var objection: String? {
        if let embedded { return Self.objection(version4: embedded) }
        guard isVersion6 else { return Self.objection(version4: bytes) }
        if bytes.allSatisfy({ $0 == 0 }) { return "the unspecified address" }
        if bytes[0] == 0xFE, bytes[1] & 0xC0 == 0x80 { return "a link-local address" }
        if bytes[0] == 0xFF { return "a multicast address" }
        // fd00:ec2::/32 is where AWS serves metadata and time over IPv6.
        if bytes.starts(with: [0xFD, 0x00, 0x0E, 0xC2]) { return "an address of a cloud's metadata service" }
        return nil
    }

    private var embedded: [UInt8]? {
        guard isVersion6 else { return nil }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        let isTranslated = bytes.starts(with: [0x00, 0x64, 0xFF, 0x9B] + [UInt8](repeating: 0, count: 8))
        let isCompatible = bytes[..<12].allSatisfy { $0 == 0 } && bytes[12...].contains { $0 != 0 } && bytes[12] != 0
        return isMapped || isTranslated || isCompatible ? Array(bytes[12...]) : nil
    }

    private static func objection(version4 bytes: [UInt8]) -> String? {
        switch (bytes[0], bytes[1]) {
        case (169, 254): "a link-local address"
        case (0, _): "an unspecified address"
        case (224..., _): "a multicast or reserved address"
        case (100, 100) where bytes[2] == 100 && bytes[3] == 200: "an address of a cloud's metadata service"
        default: nil
        }
    }
}
