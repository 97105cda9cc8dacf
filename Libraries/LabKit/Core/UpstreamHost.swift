/// Where an upstream listens: a name, or an address that a server can have.
public enum UpstreamHost: Sendable, Hashable {
    /// A host's name in lower case; one label is enough, as containers and `localhost` have.
    case name(String)
    /// The four bytes, the first of the text highest.
    case ipv4(UInt32)
    /// The eight groups.
    case ipv6([UInt16])

    init(_ text: Substring) throws(InvalidText) {
        if text.hasPrefix("[") {
            guard let groups = IPv6Text.groups(of: text.dropFirst().dropLast()) else {
                throw InvalidText("“\(text)” is not an IPv6 address", remedy: "Write it as [fd00::1]")
            }
            self = .ipv6(groups)
        } else if let address = IPv4Text.address(of: text) {
            self = .ipv4(address)
        } else {
            self = .name(try Self.name(text))
        }
        try checkReachable()
    }

    /// Refuses addresses that name no server, and those of metadata services.
    private func checkReachable() throws(InvalidText) {
        let remedy = "Give the address that the server has in the lab, such as 127.0.0.1 or 192.168.1.20"
        switch self {
        case .name(let name):
            guard name != "metadata.google.internal" else {
                throw InvalidText("“\(name)” is a metadata service", remedy: remedy)
            }
        case .ipv4(let address):
            try Self.check(address, spelled: description, remedy)
        case .ipv6(let groups):
            if groups.allSatisfy({ $0 == 0 }) {
                throw InvalidText("\(self) is the unspecified address", remedy: remedy)
            }
            if groups[0] & 0xFFC0 == 0xFE80 {
                throw InvalidText("\(self) is link-local (fe80::/10)", remedy: remedy)
            }
            if groups[0] >> 8 == 0xFF {
                throw InvalidText("\(self) is a multicast address (ff00::/8)", remedy: remedy)
            }
            if groups == [0xFD00, 0x0EC2, 0, 0, 0, 0, 0, 0x254] {
                throw InvalidText("\(self) is a metadata service", remedy: remedy)
            }
            if let embedded = Self.embeddedIPv4(groups) {
                try Self.check(embedded, spelled: description, remedy)
            }
        }
    }

    private static func check(_ address: UInt32, spelled: String, _ remedy: String) throws(InvalidText) {
        switch (address >> 24, address >> 16 & 0xFF) {
        case (0, _): throw InvalidText("\(spelled) is the unspecified address (0.0.0.0/8)", remedy: remedy)
        case (169, 254): throw InvalidText("\(spelled) is link-local (169.254.0.0/16)", remedy: remedy)
        case (224...239, _): throw InvalidText("\(spelled) is a multicast address (224.0.0.0/4)", remedy: remedy)
        case (240...255, _): throw InvalidText("\(spelled) is a reserved address (240.0.0.0/4)", remedy: remedy)
        default: return
        }
    }

    /// The IPv4 address inside one of IPv6: mapped (RFC 4291 §2.5.5.2), compatible (§2.5.5.1; `::1` is none), or
    /// translated (RFC 6052). It must not be a way around the rules of IPv4.
    private static func embeddedIPv4(_ groups: [UInt16]) -> UInt32? {
        let low = UInt32(groups[6]) << 16 | UInt32(groups[7])
        if groups[..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xFFFF { return low }
        if groups[..<6].allSatisfy({ $0 == 0 }), groups[6] != 0 { return low }
        if Array(groups[..<6]) == [0x64, 0xFF9B, 0, 0, 0, 0] { return low }
        return nil
    }

    private static func name(_ text: Substring) throws(InvalidText) -> String {
        let remedy = "Give a host's name or address, such as nas.home.arpa or 192.168.1.20"
        var name = text.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        guard !name.isEmpty, name.utf8.count <= 253 else {
            throw InvalidText(
                name.isEmpty ? "the URL has no host" : "the host is longer than 253 characters", remedy: remedy)
        }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        for label in labels {
            let isLabel =
                (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy { isNameByte($0) }
            guard isLabel else { throw InvalidText("“\(text)” is not a host's name", remedy: remedy) }
        }
        // `127.1`, `2130706433` and `0x7f000001` are addresses to some parsers and names to others.
        guard let last = labels.last, last.utf8.contains(where: { !isDigit($0) }), !last.hasPrefix("0x") else {
            throw InvalidText(
                "“\(text)” reads as a number, not as a name",
                remedy: "Write an IPv4 address as four decimal numbers without leading zeros, such as 192.168.1.20")
        }
        return name
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// Also `_`, which compose services have in their names.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }
}

extension UpstreamHost: CustomStringConvertible {
    /// As it stands in a URL: an IPv6 address in brackets, in the form of RFC 5952.
    public var description: String {
        switch self {
        case .name(let name): name
        case .ipv4(let address): IPv4Text.text(of: address)
        case .ipv6(let groups): "[\(IPv6Text.text(of: groups))]"
        }
    }
}

/// IPv4 addresses as text: four decimal numbers, no leading zeros (RFC 6943 §3.1.1).
enum IPv4Text {
    static func address(of text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            let isPlain = part.utf8.allSatisfy { (0x30...0x39).contains($0) } && (part == "0" || !part.hasPrefix("0"))
            guard isPlain, let byte = UInt8(part) else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    static func text(of address: UInt32) -> String {
        [24, 16, 8, 0].map { String(address >> $0 & 0xFF) }.joined(separator: ".")
    }
}

/// IPv6 addresses as text (RFC 4291 §2.2), without zone identifiers; written in the form of RFC 5952.
enum IPv6Text {
    static func groups(of text: Substring) -> [UInt16]? {
        guard let gap = doubleColon(in: text) else {
            guard let groups = run(text), groups.count == 8 else { return nil }
            return groups
        }
        guard let head = run(text[..<gap]), let tail = run(text[gap...].dropFirst(2)) else { return nil }
        let missing = 8 - head.count - tail.count
        guard missing >= 1 else { return nil }
        return head + Array(repeating: 0, count: missing) + tail
    }

    static func text(of groups: [UInt16]) -> String {
        // The longest run of at least two zero groups becomes `::`, the first of equals.
        var best = 0..<0
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        func hexadecimal(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !best.isEmpty else { return hexadecimal(groups[...]) }
        return hexadecimal(groups[..<best.lowerBound]) + "::" + hexadecimal(groups[best.upperBound...])
    }

    private static func doubleColon(in text: Substring) -> Substring.Index? {
        var index = text.startIndex
        while index < text.endIndex {
            if text[index...].hasPrefix("::") { return index }
            index = text.index(after: index)
        }
        return nil
    }

    /// Groups divided by single colons; the last may be an IPv4 address.
    private static func run(_ text: Substring) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let address = IPv4Text.address(of: part) {
                groups += [UInt16(address >> 16), UInt16(address & 0xFFFF)]
            } else {
                let isHexadecimal = part.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
                }
                guard (1...4).contains(part.utf8.count), isHexadecimal, let group = UInt16(part, radix: 16) else {
                    return nil
                }
                groups.append(group)
            }
        }
        return groups
    }
}
