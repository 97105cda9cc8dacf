import LabCore
import NIOCore

/// DNS messages as a client needs them: one question out, one answer in (RFC 1035, RFC 6891).
enum DNSMessage {
    /// What one may ask for over UDP without fragments (DNS Flag Day 2020).
    static let payloadSize: UInt16 = 1232

    /// A query with recursion desired.
    static func query(_ question: Question, id: UInt16) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(id)
        for field in [0x0100, 1, 0, 0, 1] as [UInt16] { buffer.writeInteger(field) }
        for label in question.name.text.split(separator: ".") {
            buffer.writeInteger(UInt8(truncatingIfNeeded: label.utf8.count))
            buffer.writeString(String(label))
        }
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(question.type.code)
        buffer.writeInteger(UInt16(1))
        // The OPT record: root name, type 41, payload size, no flags, no options.
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt16(41))
        buffer.writeInteger(payloadSize)
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(UInt16(0))
        return buffer
    }

    /// A reply: to which query, whether it was cut off, its code and its answer section.
    struct Reply: Sendable, Hashable {
        let id: UInt16
        let isTruncated: Bool
        let code: String
        let question: Question?
        let sets: [RecordSet]
    }

    /// Reads a reply; nil for anything that is none.
    static func reply(_ message: ByteBuffer) -> Reply? {
        var reader = Reader(message: message)
        guard let id = reader.integer(UInt16.self), let flags = reader.integer(UInt16.self), flags & 0x8000 != 0,
            let questions = reader.integer(UInt16.self), let answers = reader.integer(UInt16.self),
            reader.integer(UInt32.self) != nil, questions <= 1
        else { return nil }
        var question: Question?
        if questions == 1 {
            guard let name = reader.name(), let type = reader.integer(UInt16.self), reader.integer(UInt16.self) == 1
            else { return nil }
            if let name = try? RecordName(name), let type = RecordType(code: type) { question = Question(name, type) }
        }
        let isTruncated = flags & 0x0200 != 0
        var found: [Question: (ttl: Int, values: [String])] = [:]
        for _ in 0..<(isTruncated ? 0 : answers) {
            guard let record = reader.record() else { return nil }
            guard let key = record.key, let value = record.value else { continue }
            found[key, default: (record.ttl, [])].values.append(value)
        }
        let sets = found.map {
            RecordSet(name: $0.key.name, type: $0.key.type, ttl: $0.value.ttl, values: $0.value.values.sorted())
        }
        return Reply(
            id: id, isTruncated: isTruncated, code: codeName(flags & 15), question: question,
            sets: sets.sorted { ($0.name, $0.type.code) < ($1.name, $1.type.code) })
    }

    private static func codeName(_ code: UInt16) -> String {
        let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]
        return Int(code) < names.count ? names[Int(code)] : "RCODE\(code)"
    }
}

/// Reads a message from left to right; every read is checked against the message's end.
private struct Reader {
    var message: ByteBuffer
    /// The message from its beginning, which compressed names point into.
    private let whole: ByteBuffer

    init(message: ByteBuffer) {
        whole = message.slice()
        self.message = whole
    }

    mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer? {
        message.readInteger(as: type)
    }

    /// A name in lower case without its final dot; `.` for the root.
    mutating func name() -> String? {
        var labels: [String] = []
        var next: Int?
        var position = message.readerIndex
        var jumps = 0
        while true {
            guard let length = whole.getInteger(at: position, as: UInt8.self) else { return nil }
            switch length & 0xC0 {
            case 0xC0:
                guard let pointer = whole.getInteger(at: position, as: UInt16.self) else { return nil }
                if next == nil { next = position + 2 }
                jumps += 1
                guard jumps < 64 else { return nil }
                position = Int(pointer & 0x3FFF)
            case 0 where length == 0:
                message.moveReaderIndex(to: next ?? position + 1)
                return labels.isEmpty ? "." : labels.joined(separator: ".").lowercased()
            case 0:
                guard let label = whole.getString(at: position + 1, length: Int(length)), labels.count < 128 else {
                    return nil
                }
                labels.append(label)
                position += 1 + Int(length)
            default:
                return nil
            }
        }
    }

    /// One resource record; key and value are nil for types and names that nobody can declare.
    mutating func record() -> (key: Question?, ttl: Int, value: String?)? {
        guard let owner = name(), let type = integer(UInt16.self), integer(UInt16.self) != nil,
            let ttl = integer(UInt32.self), let length = integer(UInt16.self)
        else { return nil }
        let end = message.readerIndex + Int(length)
        guard end <= message.writerIndex else { return nil }
        defer { message.moveReaderIndex(to: end) }
        guard let type = RecordType(code: type), let name = try? RecordName(owner) else { return (nil, Int(ttl), nil) }
        return (Question(name, type), Int(ttl), value(type, end: end))
    }

    /// The data of a record as a canonical value.
    private mutating func value(_ type: RecordType, end: Int) -> String? {
        switch type {
        case .a, .aaaa:
            let size = type == .a ? 4 : 16
            return end - message.readerIndex == size ? message.readBytes(length: size).map { IPAddress(bytes: $0).text } : nil
        case .cname, .ptr:
            return name()
        case .mx:
            guard let preference = integer(UInt16.self), let exchange = name() else { return nil }
            return "\(preference) \(exchange)"
        case .srv:
            guard let priority = integer(UInt16.self), let weight = integer(UInt16.self),
                let port = integer(UInt16.self), let target = name()
            else { return nil }
            return "\(priority) \(weight) \(port) \(target)"
        case .caa:
            guard let flags = integer(UInt8.self), let length = integer(UInt8.self),
                let tag = message.readString(length: Int(length)), message.readerIndex <= end,
                let value = message.readString(length: end - message.readerIndex)
            else { return nil }
            return "\(flags) \(tag.lowercased()) \"\(value)\""
        case .txt:
            var bytes: [UInt8] = []
            while message.readerIndex < end {
                guard let length = integer(UInt8.self), message.readerIndex + Int(length) <= end,
                    let part = message.readBytes(length: Int(length))
                else { return nil }
                bytes += part
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
