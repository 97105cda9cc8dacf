import LabCore

/// A question of class IN, in the spelling in which answers are compared with it.
struct DNSQuestion: Hashable, Sendable, CustomStringConvertible {
    let name: String
    let type: DNSRecordType

    var description: String { "\(name) \(type)" }

    /// A query message: recursion desired, one question, EDNS0 with a payload of 1232 bytes (RFC 6891; the size avoids
    /// fragments on every common path).
    func encoded(id: UInt16) -> [UInt8] {
        var bytes: [UInt8] = [
            UInt8(id >> 8), UInt8(id & 0xFF), 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1,
        ]
        for label in name.split(separator: ".") {
            bytes.append(UInt8(label.utf8.count))
            bytes += label.utf8
        }
        bytes += [0, UInt8(type.code >> 8), UInt8(type.code & 0xFF), 0, 1]
        bytes += [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]
        return bytes
    }
}

/// A message that breaks the rules, with the rule.
struct DNSMalformed: Error, Equatable {
    let detail: String
}

/// A response, parsed (RFC 1035 section 4.1).
struct DNSMessage: Equatable {
    let id: UInt16
    let question: DNSQuestion
    let answer: DNSAnswer

    init(parsing bytes: [UInt8]) throws(DNSMalformed) {
        var reader = DNSMessageReader(bytes)
        id = try reader.readUInt16()
        let flags = try reader.readUInt16()
        guard flags & 0x8000 != 0 else { throw DNSMalformed(detail: "it is a query") }
        guard flags & 0x7800 == 0 else { throw DNSMalformed(detail: "it answers no standard query") }
        let counts = (
            question: try reader.readUInt16(), answer: try reader.readUInt16(), authority: try reader.readUInt16()
        )
        // Additional records are not read: nothing here needs them.
        _ = try reader.readUInt16()
        guard counts.question == 1 else { throw DNSMalformed(detail: "it has \(counts.question) questions") }
        let name = try reader.readName()
        let type = DNSRecordType(code: try reader.readUInt16())
        guard try reader.readUInt16() == 1 else { throw DNSMalformed(detail: "its class is not IN") }
        question = DNSQuestion(name: name, type: type)
        let isTruncated = flags & 0x0200 != 0
        // A truncated message may end anywhere after the question, so its records say nothing.
        answer = DNSAnswer(
            responseCode: DNSResponseCode(code: UInt8(flags & 0xF)), isAuthoritative: flags & 0x0400 != 0,
            isTruncated: isTruncated,
            records: isTruncated ? [] : try reader.readRecords(Int(counts.answer)),
            authority: isTruncated ? [] : try reader.readRecords(Int(counts.authority)))
    }
}
