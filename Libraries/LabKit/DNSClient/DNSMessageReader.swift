import Glibc

/// Reads a message from front to back. Every read is checked against the end; a compression pointer must lead
/// backwards, so no name loops.
struct DNSMessageReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func readUInt8() throws(DNSMalformed) -> UInt8 {
        guard position < bytes.count else { throw DNSMalformed(detail: "it ends early") }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func readUInt16() throws(DNSMalformed) -> UInt16 {
        UInt16(try readUInt8()) << 8 | UInt16(try readUInt8())
    }

    mutating func readUInt32() throws(DNSMalformed) -> UInt32 {
        UInt32(try readUInt16()) << 16 | UInt32(try readUInt16())
    }

    mutating func readBytes(_ count: Int) throws(DNSMalformed) -> [UInt8] {
        guard count >= 0, count <= bytes.count - position else { throw DNSMalformed(detail: "it ends early") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// A name in its text form (RFC 1035 section 4.1.4).
    mutating func readName() throws(DNSMalformed) -> String {
        var labels: [String] = []
        var length = 1
        // Where the next byte of the name is, and the lowest place that a pointer has led to so far.
        var cursor = position
        var lowest = position
        var hasJumped = false
        while true {
            guard cursor < bytes.count else { throw DNSMalformed(detail: "a name ends early") }
            let size = Int(bytes[cursor])
            switch size & 0xC0 {
            case 0xC0:
                guard cursor + 1 < bytes.count else { throw DNSMalformed(detail: "a name ends early") }
                let target = (size & 0x3F) << 8 | Int(bytes[cursor + 1])
                guard target < lowest else { throw DNSMalformed(detail: "a compression pointer leads forward") }
                if !hasJumped { position = cursor + 2 }
                hasJumped = true
                lowest = target
                cursor = target
            case 0 where size == 0:
                if !hasJumped { position = cursor + 1 }
                return labels.isEmpty ? "." : labels.joined(separator: ".")
            case 0:
                length += size + 1
                guard length <= 255 else { throw DNSMalformed(detail: "a name has more than 255 bytes") }
                guard cursor + size < bytes.count else { throw DNSMalformed(detail: "a name ends early") }
                labels.append(DNSText.label(bytes[(cursor + 1)...(cursor + size)]))
                cursor += size + 1
            default:
                throw DNSMalformed(detail: "a label has an unknown form")
            }
        }
    }

    mutating func readRecords(_ count: Int) throws(DNSMalformed) -> [DNSRecord] {
        var records: [DNSRecord] = []
        for _ in 0..<count {
            let name = try readName()
            let type = DNSRecordType(code: try readUInt16())
            let recordClass = try readUInt16()
            let ttl = try readUInt32()
            let length = Int(try readUInt16())
            guard length <= bytes.count - position else { throw DNSMalformed(detail: "a record ends early") }
            let end = position + length
            let value = try readValue(type, length: length)
            guard position == end else { throw DNSMalformed(detail: "a record of type \(type) has a wrong length") }
            guard recordClass == 1 else { continue }
            records.append(DNSRecord(name: name, type: type, ttl: ttl > 0x7FFF_FFFF ? 0 : ttl, value: value))
        }
        return records
    }

    private mutating func readValue(_ type: DNSRecordType, length: Int) throws(DNSMalformed) -> DNSRecordValue {
        switch type {
        case .a: return .a(try readAddress(family: AF_INET, size: 4))
        case .aaaa: return .aaaa(try readAddress(family: AF_INET6, size: 16))
        case .cname: return .cname(try readName())
        case .ns: return .ns(try readName())
        case .ptr: return .ptr(try readName())
        case .mx: return .mx(preference: try readUInt16(), exchange: try readName())
        case .srv:
            return .srv(
                priority: try readUInt16(), weight: try readUInt16(), port: try readUInt16(), target: try readName())
        case .txt:
            let end = position + length
            var strings: [[UInt8]] = []
            while position < end { strings.append(try readBytes(Int(try readUInt8()))) }
            return .txt(strings)
        case .caa:
            let end = position + length
            let flags = try readUInt8()
            let tag = try readBytes(Int(try readUInt8()))
            return .caa(flags: flags, tag: DNSText.label(tag), value: try readBytes(end - position))
        case .soa:
            return .soa(
                primary: try readName(), mailbox: try readName(), serial: try readUInt32(), refresh: try readUInt32(),
                retry: try readUInt32(), expire: try readUInt32(), minimum: try readUInt32())
        default: return .other(try readBytes(length))
        }
    }

    private mutating func readAddress(family: CInt, size: Int) throws(DNSMalformed) -> String {
        let address = try readBytes(size)
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family, address, &text, socklen_t(text.count)) != nil else {
            throw DNSMalformed(detail: "an address cannot be read")
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
